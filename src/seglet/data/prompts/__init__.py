"""Text prompts of classes for vision-language models: templates, phrases per class, phrases for background."""
