"""Word documents (.docx), also in one XML file."""
