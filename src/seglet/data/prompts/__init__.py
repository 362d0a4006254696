"""What classes are called in front of a network that reads: templates, words for each class, words for the rest."""
