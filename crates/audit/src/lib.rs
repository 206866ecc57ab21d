//! Hash-chained records of what was decided.
