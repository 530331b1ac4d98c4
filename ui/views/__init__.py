"""The blocks that each page is made of: widgets, panels, and what fills them."""
