"""Files of labelling tools: masks written to them and read from them; one module for each tool."""
