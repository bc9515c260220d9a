"""Detection quality of the product on labelled public series: what is fitted and judged is the very detector."""
