# Runs a program's statements for the island. The same frames as driver.py, over the same two named pipes; base R only.
# A request is the text of an R list, so that no JSON has to be read.
local({
  arguments <- commandArgs(trailingOnly = TRUE)
  work <- arguments[2]
  out <- file.path(work, "out")
  plots <- file.path(work, ".plots")
  requests <- fifo(file.path(arguments[1], "in"), open = "rb", blocking = TRUE)
  replies <- fifo(file.path(arguments[1], "out"), open = "wb", blocking = TRUE)
  batch_rows <- 1000L
  batch_bytes <- 262144
  max_row_bytes <- 3145728
  chunk_bytes <- 65536L
  state <- new.env()

  # -- frames

  read_bytes <- function(n) {
    got <- raw(0)
    while (length(got) < n) {
      part <- readBin(requests, "raw", n - length(got))
      if (length(part) == 0L) quit(save = "no", status = 0)
      got <- c(got, part)
    }
    got
  }
  read_frame <- function() {
    size <- sum(as.numeric(read_bytes(4L)) * c(16777216, 65536, 256, 1))
    read_bytes(1L)
    text <- rawToChar(read_bytes(size - 1))
    Encoding(text) <- "UTF-8"
    text
  }
  write_frame <- function(kind, bytes) {
    suspendInterrupts({
      writeBin(length(bytes) + 1L, replies, size = 4L, endian = "big")
      writeBin(charToRaw(kind), replies)
      if (length(bytes) > 0L) writeBin(bytes, replies)
      flush(replies)
    })
  }
  send <- function(json) write_frame("J", charToRaw(json))

  # -- JSON

  quoted <- function(x) {
    x <- enc2utf8(as.character(x))
    broken <- !is.na(x) & !validUTF8(x)
    x[broken] <- iconv(x[broken], "latin1", "UTF-8")
    x <- gsub("\\", "\\\\", x, fixed = TRUE)
    x <- gsub("\"", "\\\"", x, fixed = TRUE)
    if (any(grepl("[[:cntrl:]]", x))) {
      for (i in c(1:31, 127L)) {
        x <- gsub(intToUtf8(i), sprintf("\\u%04x", i), x, fixed = TRUE)
      }
    }
    paste0("\"", x, "\"")
  }
  numbers <- function(x) {
    text <- sprintf("%.15g", x)
    finite <- is.finite(x)
    inexact <- finite & as.numeric(text) != x
    text[inexact] <- sprintf("%.17g", x[inexact])
    text[is.infinite(x)] <- ifelse(x[is.infinite(x)] > 0, "\"Infinity\"", "\"-Infinity\"")
    text[is.nan(x)] <- "\"NaN\""
    text
  }
  # Each element as JSON text.
  cells <- function(x) {
    missing <- if (is.list(x)) rep(FALSE, length(x)) else is.na(x) & !(is.double(x) & is.nan(unclass(x)))
    text <-
      if (is.factor(x)) quoted(as.character(x))
      else if (inherits(x, "POSIXt")) {
        moments <- format(x, "%Y-%m-%dT%H:%M:%OS6", tz = "UTC")
        quoted(paste0(sub("\\.?0+$", "", moments), "Z"))
      }
      else if (inherits(x, "Date")) quoted(format(x, "%Y-%m-%d"))
      else if (inherits(x, "difftime")) quoted(paste0("PT", format(as.numeric(x, units = "secs"), trim = TRUE), "S"))
      else if (is.logical(x)) ifelse(x, "true", "false")
      else if (is.integer(x)) sprintf("%d", x)
      else if (inherits(x, "integer64")) quoted(as.character(x))
      else if (is.double(x)) numbers(as.vector(unclass(x)))
      else if (is.list(x)) vapply(x, json, "")
      else quoted(x)
    text[missing] <- "null"
    text
  }
  json <- function(x) {
    if (is.null(x)) return("null")
    if (is.function(x) || is.environment(x) || is.language(x)) return(quoted(paste(format(x), collapse = "\n")))
    if (is.data.frame(x)) x <- lapply(seq_len(nrow(x)), function(i) as.list(x[i, , drop = FALSE]))
    if (is.list(x) && !is.null(names(x))) {
      return(paste0("{", paste(quoted(names(x)), vapply(x, json, ""), sep = ":", collapse = ","), "}"))
    }
    if (is.list(x)) return(paste0("[", paste(vapply(x, json, ""), collapse = ","), "]"))
    text <- cells(x)
    if (!is.null(names(x)) && length(x) > 0L) {
      return(paste0("{", paste(quoted(names(x)), text, sep = ":", collapse = ","), "}"))
    }
    if (length(text) == 1L) text else paste0("[", paste(text, collapse = ","), "]")
  }

  # -- results

  type_of <- function(x) {
    if (is.factor(x)) "VARCHAR"
    else if (inherits(x, "POSIXt")) "TIMESTAMP WITH TIME ZONE"
    else if (inherits(x, "Date")) "DATE"
    else if (inherits(x, "integer64")) "BIGINT"
    else if (inherits(x, "difftime")) "INTERVAL"
    else if (is.logical(x)) "BOOLEAN"
    else if (is.integer(x)) "INTEGER"
    else if (is.double(x)) "DOUBLE"
    else if (is.list(x)) "JSON"
    else "VARCHAR"
  }
  number <- function(what) {
    n <- (if (is.null(state$counts[[what]])) 0L else state$counts[[what]]) + 1L
    state$counts[[what]] <- n
    n
  }
  named <- function(stem, ending) {
    n <- number(stem)
    paste0(stem, if (n == 1L) "" else paste0("-", n), ending)
  }
  item <- function(name, media, bytes) {
    send(sprintf("{\"is\":\"item\",\"name\":%s,\"mediaType\":%s,\"bytes\":%.0f}", quoted(name), quoted(media), length(bytes)))
    start <- 1
    while (start <= length(bytes)) {
      end <- min(length(bytes), start + chunk_bytes - 1)
      write_frame("B", bytes[start:end])
      start <- end + 1
    }
  }
  send_table <- function(frame) {
    columns <- paste0("{\"name\":", quoted(names(frame)), ",\"type\":", quoted(vapply(frame, type_of, "")), "}", collapse = ",")
    send(paste0("{\"is\":\"table\",\"columns\":[", columns, "]}"))
    rows <- nrow(frame)
    start <- 1
    cut <- rows > state$max_rows
    rows <- min(rows, state$max_rows)
    while (start <= rows) {
      end <- min(rows, start + batch_rows - 1)
      parts <- lapply(frame, function(column) cells(column[start:end]))
      texts <- paste0("[", do.call(paste, c(unname(parts), sep = ",")), "]")
      total <- state$bytes + cumsum(nchar(texts, "bytes") + 1)
      fits <- total <= state$max_bytes
      if (any(nchar(texts, "bytes") > max_row_bytes)) stop("a row of the result has more than ", max_row_bytes, " bytes", call. = FALSE)
      if (any(fits)) {
        for (part in split(texts[fits], floor((total[fits] - state$bytes) / batch_bytes))) {
          send(paste0("{\"is\":\"rows\",\"rows\":[", paste(part, collapse = ","), "]}"))
        }
        state$bytes <- max(total[fits])
      }
      if (!all(fits)) {
        cut <- TRUE
        break
      }
      start <- end + 1
    }
    if (cut) send("{\"is\":\"cut\"}")
  }
  as_csv <- function(frame) {
    text <- character()
    target <- textConnection("text", "w", local = TRUE)
    utils::write.csv(frame, target, row.names = FALSE, na = "")
    close(target)
    charToRaw(enc2utf8(paste0(paste(text, collapse = "\n"), "\n")))
  }
  add <- function(value) {
    if (isTRUE(state$prompt)) return(invisible(print(value)))
    if (is.matrix(value) && !is.null(colnames(value))) value <- as.data.frame(value)
    if (is.data.frame(value)) {
      value <- as.data.frame(value)
      value[] <- lapply(value, function(column) if (is.matrix(column)) as.list(as.data.frame(t(column))) else column)
      if (is.character(attr(value, "row.names"))) value <- cbind(data.frame(row = row.names(value)), value)
      if (ncol(value) == 0L) return(invisible())
      if (number("table") == 1L) return(send_table(value))
      return(item(sprintf("table-%d.csv", state$counts[["table"]]), "text/csv", as_csv(value)))
    }
    if (inherits(value, c("ggplot", "trellis", "recordedplot"))) return(print(value))
    if (is.raw(value)) return(item(named("value", ".bin"), "application/octet-stream", value))
    if (is.character(value) && is.null(names(value))) {
      return(item(named("text", ".txt"), "text/plain", charToRaw(enc2utf8(paste(value, collapse = "\n")))))
    }
    if ((is.atomic(value) || is.list(value)) && (!is.object(value) || inherits(value, c("Date", "POSIXt", "factor")))) {
      return(item(named("value", ".json"), "application/json", charToRaw(enc2utf8(json(value)))))
    }
    text <- paste(utils::capture.output(print(value)), collapse = "\n")
    item(named("text", ".txt"), "text/plain", charToRaw(enc2utf8(text)))
  }
  media <- c(
    csv = "text/csv", json = "application/json", txt = "text/plain", png = "image/png", jpg = "image/jpeg",
    svg = "image/svg+xml", pdf = "application/pdf", html = "text/html", parquet = "application/vnd.apache.parquet",
    fits = "application/fits"
  )
  send_file <- function(name, path) {
    ending <- tolower(sub(".*\\.", "", name))
    kind <- if (ending %in% names(media)) media[[ending]] else "application/octet-stream"
    item(name, kind, readBin(path, "raw", file.info(path)$size))
    unlink(path)
  }
  send_files <- function() {
    while (grDevices::dev.cur() > 1L) grDevices::dev.off()
    for (path in sort(list.files(plots, full.names = TRUE))) {
      if (file.info(path)$size > 0) send_file(sprintf("figure-%d.png", number("figure")), path)
    }
    for (name in sort(list.files(out, recursive = TRUE))) {
      path <- file.path(out, name)
      if (!nzchar(Sys.readlink(path))) send_file(name, path)
    }
  }

  # -- what the program sees

  bind <- function(request) {
    stopped <- function(...) stop(..., call. = FALSE)
    lookup <- function(name) {
      for (dataset in request$datasets) {
        if (tolower(name) %in% tolower(c(dataset$id, dataset$names))) return(dataset)
      }
      known <- vapply(request$datasets, function(d) d$names[[1L]], "")
      stopped("no dataset '", name, "' is bound to this task; those that are: ", if (length(known)) paste(known, collapse = ", ") else "none")
    }
    needs <- function(packages) {
      stopped("table() needs the R package ", packages, ", which this island does not have: install it there, or read the file of path() yourself")
    }
    read_one <- function(path, dataset) {
      d <- dataset$dialect
      if (dataset$format == "csv") {
        names <- vapply(dataset$columns, function(column) column$name, "")
        frame <- utils::read.table(path, header = is.null(d$header) || d$header, sep = if (is.null(d)) "," else d$delimiter,
          quote = if (is.null(d)) "\"" else d$quote, skip = if (is.null(d)) 0L else d$skip, comment.char = "",
          fill = TRUE, na.strings = c("", "NA"), check.names = FALSE, stringsAsFactors = FALSE, encoding = "UTF-8")
        if (length(names) == ncol(frame)) names(frame) <- names
        return(frame)
      }
      if (dataset$format == "parquet") {
        if (requireNamespace("nanoparquet", quietly = TRUE)) return(nanoparquet::read_parquet(path))
        if (requireNamespace("arrow", quietly = TRUE)) return(as.data.frame(arrow::read_parquet(path)))
        needs("nanoparquet or arrow")
      }
      if (dataset$format == "jsonl") {
        if (!requireNamespace("jsonlite", quietly = TRUE)) needs("jsonlite")
        source <- if (identical(d$compression, "gzip")) gzfile(path) else file(path)
        return(jsonlite::stream_in(source, verbose = FALSE))
      }
      stopped("'", dataset$names[[1L]], "' holds files, not a table that R reads by itself: use path()")
    }
    api <- list(
      datasets = vapply(request$datasets, function(d) d$id, ""),
      params = request$params,
      paths = function(name) unlist(lookup(name)$paths),
      table = function(name) {
        dataset <- lookup(name)
        do.call(rbind, lapply(dataset$paths, read_one, dataset))
      },
      output = function(name) {
        parts <- strsplit(name, "/", fixed = TRUE)[[1L]]
        if (length(parts) == 0L || any(parts %in% c("", ".", ".."))) stopped("output() takes a plain relative name, not '", name, "'")
        path <- file.path(out, name)
        dir.create(dirname(path), recursive = TRUE, showWarnings = FALSE)
        path
      },
      result = function(value) invisible(add(value)),
      progress = function(fraction) send(sprintf("{\"is\":\"progress\",\"value\":%.6f}", min(1, max(0, fraction))))
    )
    api$path <- api$paths
    leave <- function(save = "no", status = 0, runLast = FALSE) {
      stop(structure(class = c("archipel_quit", "error", "condition"), list(message = "quit", call = NULL, status = status)))
    }
    assign("archipel", api, envir = globalenv())
    # As Python writes it, too: archipel.path("id") beside archipel$path("id").
    for (name in names(api)) if (is.function(api[[name]])) assign(paste0("archipel.", name), api[[name]], envir = globalenv())
    assign("quit", leave, envir = globalenv())
    assign("q", leave, envir = globalenv())
  }

  # -- statements

  failed <- function(code, message) {
    lines <- strsplit(message, "\n", fixed = TRUE)[[1L]]
    if (length(lines) > 20L) lines <- c("...", utils::tail(lines, 20L))
    sprintf("{\"is\":\"failed\",\"code\":\"%s\",\"message\":%s}", code, quoted(paste(lines, collapse = "\n")))
  }
  failure <- function(error, calls) {
    if (inherits(error, "archipel_quit")) {
      if (identical(as.integer(error$status), 0L)) return("{\"is\":\"done\"}")
      return(failed("CODE_FAILED", paste("the program quit with status", error$status)))
    }
    message <- conditionMessage(error)
    where <- conditionCall(error)
    text <- if (is.null(where)) paste0("Error: ", message)
      else paste0("Error in ", paste(utils::head(deparse(where), 2L), collapse = " "), ": ", message)
    if (length(calls) > 0L) text <- paste0(text, "\nCalls: ", paste(calls, collapse = " -> "))
    cat(text, "\n", sep = "", file = stderr())
    code <- "CODE_FAILED"
    if (grepl("cannot allocate|memory exhausted|could not allocate|Cannot allocate memory", message)) code <- "MEMORY_LIMIT"
    else if (grepl("No space left|File too large|error writing|write failed|problem writing", message)) code <- "DISK_LIMIT"
    else if (grepl("^a row of the result has more than", message)) code <- "RESULT_LIMIT"
    failed(code, text)
  }
  run <- function(request, code) {
    state$counts <- list()
    state$bytes <- 0
    state$max_rows <- request$maxRows
    state$max_bytes <- request$maxBytes
    calls <- character()
    reply <- tryCatch({
      withCallingHandlers(allowInterrupts({
        value <- NULL
        for (expression in parse(text = code, keep.source = FALSE)) {
          # The last value is the result; those before it are printed, as Rscript does.
          if (!is.null(value) && value$visible) print(value$value)
          value <- withVisible(eval(expression, globalenv()))
        }
        if (!is.null(value) && value$visible && (isTRUE(state$prompt) || !is.null(value$value))) add(value$value)
        send_files()
      }), error = function(e) {
        stack <- vapply(sys.calls(), function(call) paste(deparse(call[[1L]])[1L], collapse = ""), "")
        start <- match("eval", rev(stack))
        mine <- if (is.na(start)) character() else utils::tail(stack, start - 1L)
        mine <- mine[!grepl("^(eval|h|\\.handleSimpleError|stop|function|withVisible|simpleError)", mine)]
        calls <<- utils::tail(mine, 10L)
      })
      "{\"is\":\"done\"}"
    }, error = function(e) failure(e, calls),
    interrupt = function(e) failed("CANCELLED", "the program was interrupted"))
    while (grDevices::dev.cur() > 1L) grDevices::dev.off()
    unlink(list.files(plots, full.names = TRUE))
    flush(stdout())
    flush(stderr())
    send(reply)
  }

  request <- eval(parse(text = read_frame(), keep.source = FALSE))
  dir.create(plots, showWarnings = FALSE)
  bind(request)
  if (isTRUE(request$prompt)) {
    state$prompt <- TRUE
    # What tools that speak to Spark look for; there is none behind it.
    assign("spark", structure("archipel: R of this island, without Spark", class = "noquote"), envir = globalenv())
  }
  options(
    device = function(...) grDevices::png(file.path(plots, "figure-%03d.png"), width = 800, height = 600),
    warn = 1, digits.secs = 6, menu.graphics = FALSE
  )
  send(sprintf("{\"is\":\"ready\",\"version\":%s}", quoted(as.character(getRversion()))))
  # An interrupt that comes between two statements is not the end.
  suspendInterrupts(repeat {
    request <- eval(parse(text = read_frame(), keep.source = FALSE))
    code <- read_frame()
    run(request, code)
  })
})
