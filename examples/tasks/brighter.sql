-- Stars brighter than a magnitude, the brightest first.
SELECT name, constellation, vmag
FROM bright_stars
WHERE vmag < $magnitude
ORDER BY vmag
