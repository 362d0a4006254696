"""How the tiny foundation models come about: pictures and captions, objectives, loop, scores, cards."""
