"""What the families draw with: styles, sketches, sheets of shapes, axes, and matplotlib."""
