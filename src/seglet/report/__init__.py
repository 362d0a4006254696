"""`seglet report`: what there is to know of a run, or of several, in one page that needs nothing beside it."""
