import Corpus
import Documents

/// A task file, or what stands for one when a JSONL of a known form is given as it is.
///
/// Its templates are lm-eval's: `context` is `doc_to_text`, `choices` is `doc_to_choice`, `answer`
/// and `continuation` are `doc_to_target`.
struct TaskSpecification: Sendable {
  enum Form: Sendable {
    /// One context, several continuations, one of them right.
    case choices(context: RowTemplate, choices: ListTemplate, answer: RowTemplate)
    /// One context that shows several choices under letters; the letters are scored.
    case lettered(context: RowTemplate, choices: ListTemplate, answer: RowTemplate)
    /// Several contexts, one of them right, and the continuation that each is judged by.
    case contexts(contexts: ListTemplate, continuation: RowTemplate, answer: RowTemplate)
    case continuation(context: RowTemplate, continuation: RowTemplate)
    case rolling(text: RowTemplate)
  }

  /// Several texts: a template for each, or one whose value is a list.
  enum ListTemplate: Sendable {
    case each([RowTemplate])
    case list(RowTemplate)
  }

  let name: String
  let version: Double
  let data: String
  let shots: Int
  let shotData: String?
  let description: RowTemplate
  let delimiter: String
  let cleaning: TextCleaning
  let form: Form
  let metrics: [TaskMetric]

  /// Reads a task and returns beside it the document with every default spelled out.
  ///
  /// - Parameter location: the file's path, for messages.
  /// - Throws: `DocumentError` with every mistake found.
  static func read(
    _ document: JSONValue, location: String
  ) throws(DocumentError) -> (task: TaskSpecification, resolved: JSONValue) {
    let (task, resolved) = try DocumentReader.resolve(document) {
      TaskReader(reader: $0, location: location).task()
    }
    // Only a mistake, which has been thrown, leaves a task without a form.
    return (task!, resolved)
  }

  /// JSON Schema of a task file.
  static var schema: JSONValue {
    DocumentReader.schema { _ = TaskReader(reader: $0, location: "$").task() }
  }
}

private struct TaskReader {
  typealias Form = TaskSpecification.Form
  typealias ListTemplate = TaskSpecification.ListTemplate

  private static let longestName = 150

  let reader: DocumentReader
  let location: String

  func task() -> TaskSpecification? {
    let name = reader.string("name", "what results call the task")
    if name.isEmpty || name.contains("/") {
      reader.report(
        "name", "found \(JSONValue.string(name).compact), expected a name for files, without /")
    }
    // File systems take 255; the name of samples_NAME.jsonl has more, and while written more still.
    if name.utf8.count > Self.longestName {
      reader.report(
        "name",
        "found \(name.utf8.count) bytes, expected at most \(Self.longestName): files are named so")
    }
    let version = reader.number("version", default: 1, "counts changes that change scores")
    let data = reader.string("data", "JSONL with one sample a line, beside the task file")
    let shots = reader.integer(
      "shots", default: 0, "solved samples before each context: the first of shotData")
    let shotData = reader.optionalString(
      "shotData", "JSONL with the solved samples, beside the task file; else they are from data")
    let description = template("description", default: "", "what stands before everything")
    let delimiter = reader.string(
      "delimiter", default: " ",
      "what joins context and answer; a continuation is joined by it in solved samples alone")
    let cleaning: TextCleaning = reader.choice(
      "cleaning", default: TextCleaning.none, "what is done to contexts, choices and texts")
    let variant = reader.variant(
      "kind",
      of: [
        DocumentVariant("multiple-choice", read: { on($0).multipleChoice() }),
        DocumentVariant("lettered-choice", read: { on($0).letteredChoice() }),
        DocumentVariant("continuation", read: { on($0).continuation() }),
        DocumentVariant("rolling", read: { on($0).rolling(shots: shots, description) }),
      ], "what is scored")
    guard let (form, metrics) = variant else { return nil }
    return TaskSpecification(
      name: name, version: version, data: data, shots: shots, shotData: shotData,
      description: description, delimiter: delimiter, cleaning: cleaning, form: form,
      metrics: metrics)
  }

  /// The same on the reader of one kind.
  private func on(_ reader: DocumentReader) -> TaskReader {
    TaskReader(reader: reader, location: location)
  }

  private func multipleChoice() -> (Form, [TaskMetric]) {
    let answer = template(
      "answer", "the right one: its index from 0, or its text as it stands among the choices")
    if reader.isGiven("contexts") {
      let contexts = list("contexts", "the contexts to choose from")
      let continuation = template("continuation", "what is scored after each context")
      return (
        .contexts(contexts: contexts, continuation: continuation, answer: answer),
        metrics(of: [.accuracy], default: [.accuracy])
      )
    }
    let context = template("context", "what stands before the choices")
    let choices = list("choices", "the continuations to choose from")
    if reader.isDescribing {
      _ = reader.any("contexts", "in place of context and choices: the contexts to choose from")
      _ = reader.optionalString("continuation", "what is scored after each of the contexts")
    }
    let known: [TaskMetric] = [.accuracy, .normalizedAccuracy]
    return (
      .choices(context: context, choices: choices, answer: answer),
      metrics(of: known, default: known)
    )
  }

  private func letteredChoice() -> (Form, [TaskMetric]) {
    let answer = template(
      "answer", "the right one: its index from 0, or its text as it stands among the choices")
    let choices = list("choices", "the choices that are shown")
    let context = template(
      "context",
      "what stands before the letter; {{lettered}} is the list of choices, a line each: A. …")
    if !reader.isDescribing, !context.source.isEmpty, !context.source.contains("lettered") {
      reader.report("context", "does not show the choices; put {{lettered}} where they belong")
    }
    let known: [TaskMetric] = [.accuracy, .accuracyInAll, .letterShare]
    return (
      .lettered(context: context, choices: choices, answer: answer),
      metrics(of: known, default: known)
    )
  }

  private func continuation() -> (Form, [TaskMetric]) {
    let context = template("context", "what stands before the continuation")
    let continuation = template(
      "continuation", "what is scored, with the white space that sets it off")
    let known: [TaskMetric] = [.perplexity, .accuracy]
    return (
      .continuation(context: context, continuation: continuation),
      metrics(of: known, default: known)
    )
  }

  private func rolling(shots: Int, _ description: RowTemplate) -> (Form, [TaskMetric]) {
    let text = template("text", "what is scored from its first token to its last")
    if shots > 0 { reader.report("shots", "found \(shots), expected 0 for the kind rolling") }
    if !description.source.isEmpty {
      reader.report("description", "has no effect on the kind rolling; leave it out")
    }
    let known: [TaskMetric] = [.wordPerplexity, .bytePerplexity, .bitsPerByte]
    return (.rolling(text: text), metrics(of: known, default: known))
  }

  private func metrics(of known: [TaskMetric], default fallback: [TaskMetric]) -> [TaskMetric] {
    let names = reader.strings(
      "metrics", of: known.map(\.rawValue), default: fallback.map(\.rawValue), "what is reported")
    if names.isEmpty { reader.report("metrics", "is empty; expected at least one metric") }
    if Set(names).count < names.count { reader.report("metrics", "names a metric twice") }
    return names.compactMap(TaskMetric.init)
  }

  // MARK: Templates

  private func template(
    _ key: String, default fallback: String? = nil, _ meaning: String
  ) -> RowTemplate {
    parsed(reader.string(key, default: fallback, meaning), at: key)
  }

  private func list(_ key: String, _ meaning: String) -> ListTemplate {
    switch reader.any(key, meaning) {
    case .string(let source): return .list(parsed(source, at: key))
    case .array(let elements) where elements.allSatisfy { $0.stringValue != nil }:
      return .each(
        elements.enumerated().map { parsed($1.stringValue!, at: "\(key)[\($0)]") })
    case let other:
      let found = other.map { "found \($0.kindDescription)" } ?? "is missing"
      reader.report(
        key, "\(found), expected a template whose value is a list, or a list of templates")
      return .each([])
    }
  }

  private func parsed(_ source: String, at key: String) -> RowTemplate {
    do {
      return try RowTemplate(source, location: "$.\(key) of \(location)")
    } catch {
      reader.report(key, (error as? ChatTemplateError)?.message ?? "\(error)")
      return RowTemplate.empty
    }
  }
}
