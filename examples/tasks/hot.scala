// How many stars are hotter than a temperature, by constellation. For an island with Spark.
val kelvin = archipel.params.getOrElse("kelvin", 20000)
val hot = archipel.read("bright_stars").where(s"temp_k > $kelvin AND constellation IS NOT NULL")
val counts = hot.groupBy("constellation").count().orderBy($"count".desc, $"constellation").limit(3)
counts.collect().foreach(row => println(s"${row(0)} ${row(1)}"))
