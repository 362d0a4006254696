"""Modules and state of distillation losses."""
