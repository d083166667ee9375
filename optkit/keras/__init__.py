"""All that touches Keras models: TensorFlow set-up, files, weights, layers, and the graph of channels."""
