"""Result tables: their rows, how they are filled, and how they are shown."""
