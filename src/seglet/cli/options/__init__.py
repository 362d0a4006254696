"""Options that several commands share, and the objects they are parsed into."""
