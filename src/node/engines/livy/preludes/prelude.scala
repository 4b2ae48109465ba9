// Makes the data of this session known by name, in Scala and SQL. Runs once, before the first statement.
class Archipel(entries: Seq[Map[String, Any]], val params: Map[String, Any]) extends Serializable {
  import org.apache.spark.sql.DataFrame
  private def names(entry: Map[String, Any]) = entry("names").asInstanceOf[Seq[String]]
  private def entry(name: String): Map[String, Any] = {
    val wanted = name.toLowerCase
    entries.find(e => e("id").toString.toLowerCase == wanted || names(e).exists(_.toLowerCase == wanted)).getOrElse {
      val known = entries.map(e => names(e).head).sorted.mkString(", ")
      throw new NoSuchElementException(s"no dataset '$name' is bound to this session; those that are: ${if (known == "") "none" else known}")
    }
  }
  val datasets: Seq[String] = entries.map(_("id").toString)
  def paths(name: String): Seq[String] = entry(name)("paths").asInstanceOf[Seq[String]]
  def path(name: String): String = {
    val files = paths(name)
    if (files.size == 1) files.head else throw new IllegalArgumentException(s"'$name' has ${files.size} files: use paths()")
  }
  def read(name: String): DataFrame = {
    val of = entry(name)
    val session = org.apache.spark.sql.SparkSession.active
    if (!of.contains("format")) throw new IllegalArgumentException(s"'$name' holds files, not a table: use path()")
    val options = of("options").asInstanceOf[Map[String, String]]
    val plain = session.read.options(options)
    val reader = of.get("schema").fold(plain)(schema => plain.schema(schema.toString))
    val files = of("paths").asInstanceOf[Seq[String]]
    val skip = of("skip").asInstanceOf[Int]
    if (skip == 0) reader.format(of("format").toString).load(files: _*)
    else {
      import session.implicits._
      val first = skip + (if (options.get("header") == Some("true")) 1 else 0)
      files.map { file =>
        val lines = session.sparkContext.textFile(file).zipWithIndex.filter(_._2 >= first).map(_._1)
        reader.option("header", "false").csv(session.createDataset(lines))
      }.reduce((a, b) => a.union(b))
    }
  }
  def df(name: String): DataFrame = read(name)
  def bindViews(): Unit = for (e <- entries if e.contains("format")) {
    val frame = read(e("id").toString)
    for (name <- names(e)) frame.createOrReplaceTempView("`" + name.replace("`", "``") + "`")
  }
}
val archipel = new Archipel(@DATASETS@, @PARAMS@)
archipel.bindViews()
