"""How the tiny foundation models come about: images and captions, objectives, loop, scores, cards."""
