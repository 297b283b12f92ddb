"""What office formats share: packages, charts, diagrams, drawn text, formulas, symbol fonts."""
