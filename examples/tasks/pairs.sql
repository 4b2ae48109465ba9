-- Close pairs of stars that are easily seen by eye, by constellation.
SELECT a.constellation, count(*) AS close_pairs
FROM bright_stars a JOIN bright_stars b ON a.hr < b.hr AND a.vmag < 5 AND b.vmag < 5
WHERE a.constellation IS NOT NULL AND separation(a.ra, a.dec, b.ra, b.dec) < 0.5
GROUP BY ALL ORDER BY close_pairs DESC, constellation LIMIT 3
