"""One file for each family of figure questions; `r1v.figures.catalogue` lists them."""
