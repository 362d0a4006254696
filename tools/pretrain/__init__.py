"""Training of the tiny foundation models: images and captions, objectives, loop, scores, cards."""
