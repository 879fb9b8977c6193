"""What a model is made of, layer by layer, and what each layer costs."""
