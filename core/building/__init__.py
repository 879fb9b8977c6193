"""From an ONNX model to an engine: what is known before, the build, and the truth after it."""
