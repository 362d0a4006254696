"""`seglet cost`: what an hour of annotation buys: tags, a few masks, or masks for all."""
