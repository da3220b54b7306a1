"""How fast what telescopes observe gets into its table, and what memory that takes."""
