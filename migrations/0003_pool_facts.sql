-- What a pool's contract says of itself, as JSON: tokens, weights and the like. Null until the pool was asked.

alter table pools add column facts text;
