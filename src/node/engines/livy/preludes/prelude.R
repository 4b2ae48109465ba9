# Makes the data of this session known by name, in SparkR. Runs once, before the first statement.
archipel <- (function(entries, params) {
  dataset <- function(name) {
    for (entry in entries) {
      if (tolower(name) %in% tolower(c(entry$id, entry$names))) return(entry)
    }
    known <- sort(vapply(entries, function(entry) entry$names[[1]], ""))
    stop("no dataset '", name, "' is bound to this session; those that are: ",
         if (length(known) == 0L) "none" else paste(known, collapse = ", "), call. = FALSE)
  }
  paths <- function(name) dataset(name)$paths
  read <- function(name) {
    entry <- dataset(name)
    if (is.null(entry$format)) stop("'", name, "' holds files, not a table: use path()", call. = FALSE)
    if (entry$skip > 0) stop("'", name, "' has lines before its header: read it with SQL, Python or Scala", call. = FALSE)
    arguments <- c(list(path = entry$paths, source = entry$format), entry$options)
    if (!is.null(entry$schema)) arguments$schema <- entry$schema
    do.call(SparkR::read.df, arguments)
  }
  for (entry in entries) {
    if (is.null(entry$format) || entry$skip > 0) next
    frame <- read(entry$id)
    for (name in entry$names) SparkR::createOrReplaceTempView(frame, paste0("`", gsub("`", "``", name, fixed = TRUE), "`"))
  }
  list(datasets = vapply(entries, function(entry) entry$id, ""), params = params, paths = paths, path = paths,
       read = read, df = read)
})(@DATASETS@, @PARAMS@)
for (.archipel_name in c("paths", "path", "read", "df")) assign(paste0("archipel.", .archipel_name), archipel[[.archipel_name]], envir = globalenv())
