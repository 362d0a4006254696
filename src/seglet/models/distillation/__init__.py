"""Networks and state that distillation terms need."""
