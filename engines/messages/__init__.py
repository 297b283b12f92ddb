"""What messages between a program and a model hold besides text: thoughts, tools and their calls."""
