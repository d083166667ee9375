"""Small files, and what each runtime makes of them."""
