"""A program in a Spark of its own, for `archipel run --batch`: how many stars are brighter than its argument."""

import sys

from pyspark.sql import SparkSession

spark = SparkSession.builder.getOrCreate()
bound = "spark.archipel.datasets.bright_stars."
stars = spark.read.option("header", spark.conf.get(bound + "option.header")).csv(spark.conf.get(bound + "path"))
bright = stars.where(stars.vmag.cast("double") < float(sys.argv[1])).count()
print(bright, "stars are brighter than magnitude", sys.argv[1])
