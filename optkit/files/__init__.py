"""Files from outside, read as data: regular files only, archives, HDF5, JSON and TOML in a typed form."""
