"""Who may register, and who is kept out."""
