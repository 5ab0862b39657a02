import Corpus
import Documents
import Testing

@testable import Evaluation

/// What users read when a task cannot be scored; the words are part of the interface.
@Suite struct TaskErrorTests {
  private static let good = #"{"query": "q", "choices": ["a", "b"], "gold": 0}"# + "\n"

  @Test func `a malformed line is named by file, line and column`() throws {
    let files = try TaskFiles()
    #expect(
      try files.failure(ofRows: Self.good + "{\"query\": \n" + Self.good + "[1]\n") == """
        rows.jsonl, line 2: column 11: the document ends where a value was expected
        rows.jsonl, line 4: found an array of 1, expected a JSON object [badData]
        """)
  }

  @Test func `an answer that is not among the choices is refused, with all other bad rows`() throws
  {
    let files = try TaskFiles()
    let rows = [
      #"{"query": "q", "choices": ["a", "b"], "gold": 2}"#,
      #"{"query": "q", "choices": ["a", "b"], "gold": -1}"#,
      #"{"query": "q", "choices": ["a", "b"], "gold": "c"}"#,
      #"{"query": "q", "choices": ["a", "b"], "gold": ""}"#,
      #"{"query": "q", "choices": ["a", "b"], "gold": [0, 1]}"#,
      #"{"query": "q", "choices": ["a", "b"], "gold": "b"}"#,
    ]
    #expect(
      try files.failure(ofRows: rows.joined(separator: "\n")) == """
        rows.jsonl, line 1: $.answer of rows.jsonl: the answer is 2, expected an index from 0 to 1, for there are 2 to choose from
        rows.jsonl, line 2: $.answer of rows.jsonl: the answer is -1, expected an index from 0 to 1, for there are 2 to choose from
        rows.jsonl, line 3: $.answer of rows.jsonl: found the string "c", expected an index from 0 to 1 or one of the 2 texts to choose from
        rows.jsonl, line 4: $.answer of rows.jsonl: found the string "", expected an index from 0 to 1 or one of the 2 texts to choose from; does this part of the data set have no answers?
        rows.jsonl, line 5: $.answer of rows.jsonl: found an array of 2, expected one answer, by its index or its text [badData]
        """)
  }

  @Test func `empty, single and numeric choices are refused`() throws {
    let files = try TaskFiles()
    let rows = [
      #"{"query": "q", "choices": ["a", ""], "gold": 0}"#,
      #"{"query": "q", "choices": ["\t ", "b"], "gold": 0}"#,
      #"{"query": "q", "choices": ["a"], "gold": 0}"#,
      #"{"query": "q", "choices": ["a", 3], "gold": 0}"#,
      #"{"query": "q", "choices": "ab", "gold": 0}"#,
    ]
    #expect(
      try files.failure(ofRows: rows.joined(separator: "\n")) == """
        rows.jsonl, line 1: choice 1 of 2 is empty; counted from 0, expected a text to score
        rows.jsonl, line 2: choice 0 of 2 is empty; counted from 0, expected a text to score
        rows.jsonl, line 3: found 1 choices, expected at least 2 to choose from
        rows.jsonl, line 4: $.choices of rows.jsonl: choice 1 is the integer 3, expected a string
        rows.jsonl, line 5: $.choices of rows.jsonl: found the string "ab", expected a list [badData]
        """)
  }

  @Test func `a row that lacks a field is named with the fields it has`() throws {
    let files = try TaskFiles()
    #expect(
      try files.failure(ofRows: Self.good + #"{"query": "q", "choice": [], "gold": 1}"#) == """
        rows.jsonl, line 2: $.choices of rows.jsonl: the row has no field "choices"; its fields are query, choice, gold [badData]
        """)
    #expect(
      try files.failure(ofRows: #"{"context": "c", "continuation": null}"#) == """
        rows.jsonl, line 1: $.continuation of rows.jsonl: the operator + does not take a string and none; use ~ to join as text [badData]
        """)
  }

  @Test func `a file without rows, and rows of no known form, say what is expected`() throws {
    let files = try TaskFiles()
    #expect(
      try files.failure(ofRows: "\n \n")
        == "rows.jsonl: no rows; expected one JSON object a line [badData]")
    #expect(
      try files.failure(ofRows: #"{"question": "q", "answer": "a"}"#) == """
        rows.jsonl, line 1: found the fields question, answer; expected query, choices and gold, or context and continuation; other rows need a task file that says where context, choices and answer stand [badData]
        """)
    #expect(
      files.failure { _ = try EvaluationTask.load(files.path("none.jsonl")) }
        == "none.jsonl: cannot open it: No such file or directory [missingInput]")
    #expect(
      files.failure { _ = try EvaluationTask.load(files.path("none.json")) }
        == "none.json: cannot open it: No such file or directory [missingInput]")
    #expect(
      files.failure { _ = try EvaluationTask.load("arc.csv") } == """
        arc.csv: expected a task file that ends in .json, or rows that end in .jsonl [usage]
        """)
    #expect(
      files.failure { _ = try EvaluationTask.load("a.jsonl", dataOverride: "b.jsonl") } == """
        a.jsonl is data itself, so b.jsonl cannot take its place; name one of them [usage]
        """)
  }

  @Test func `more than twenty bad rows end the reading`() throws {
    let files = try TaskFiles()
    let row = #"{"query": "q", "choices": ["a"], "gold": 0}"# + "\n"
    let lines = try files.failure(ofRows: String(repeating: row, count: 30))
      .split(separator: "\n")
    #expect(lines.count == 21)
    #expect(lines.last == "reading stopped after 20 bad rows [badData]")
  }

  @Test func `all mistakes of a task file are told at once, with their JSON paths`() throws {
    let files = try TaskFiles()
    #expect(
      try files.failure(
        ofTask: """
          {"name": "a/b", "kind": "multiple-choice", "data": "rows.jsonl", "contex": "{{a}}",
           "choices": ["{{a}", 3], "answer": "{% if a %}0{% endif %}", "metrics": ["perplexity"]}
          """) == """
          task.json: 6 mistakes
            $.name: found "a/b", expected a name for files, without /
            $.answer: only {{ expressions }} may stand here, no {% statements %}; {{ a if condition else b }} chooses
            $.context: is missing; expected a string (what stands before the choices)
            $.choices: found an array of 2, expected a template whose value is a list, or a list of templates
            $.metrics[0]: found the string "perplexity", expected one of "acc", "acc_norm"
            $.contex: is not a known key; did you mean "context"? [badData]
          """)
    #expect(
      try files.failure(
        ofTask: """
          {"name": "a", "kind": "rolling", "data": "rows.jsonl", "text": "{{a", "shots": 2,
           "description": "d", "metrics": [], "cleaning": "wikitex"}
          """) == """
          task.json: 5 mistakes
            $.cleaning: found the string "wikitex", expected one of "none", "hellaswag", "wikitext"; did you mean "wikitext"?
            $.text: the template ends inside {{; expected }}
            $.shots: found 2, expected 0 for the kind rolling
            $.description: has no effect on the kind rolling; leave it out
            $.metrics: is empty; expected at least one metric [badData]
          """)
    #expect(
      try files.failure(ofTask: #"{"name": "a", "kind": "generate"}"#) == """
        task.json: 2 mistakes
          $.data: is missing; expected a string (JSONL with one sample a line, beside the task file)
          $.kind: found the string "generate", expected one of "multiple-choice", "lettered-choice", "continuation", "rolling" [badData]
        """)
  }

  @Test func `an empty text to be scored is refused`() throws {
    let files = try TaskFiles()
    #expect(
      try files.failure(
        ofTask: #"{"name": "a", "kind": "rolling", "data": "rows.jsonl", "text": "{{a}}"}"#,
        rows: #"{"a": ""}"#) == """
          rows.jsonl, line 1: $.text of task.json: the text to be scored is empty [badData]
          """)
  }

  @Test func `shots that the data do not have are refused`() throws {
    let files = try TaskFiles()
    let other = #"{"query": "r", "choices": ["a", "b"], "gold": 0}"#
    #expect(
      try files.failure(ofRows: Self.good + other, shots: 2) == """
        rows.jsonl, line 1: 2 shots are asked for, and rows.jsonl has 1 rows for them beside this one
        rows.jsonl, line 2: 2 shots are asked for, and rows.jsonl has 1 rows for them beside this one [badData]
        """)
  }

  @Test func `a continuation longer than the model, and one without tokens, are refused`() throws {
    let files = try TaskFiles()
    let rows = #"{"context": "c", "continuation": "abcdefgh"}"# + "\n"
    let task = try EvaluationTask.load(files.write(rows, to: "rows.jsonl"))
    let samples = try task.samples()
    func failure(_ length: Int, _ samples: [TaskSample]) -> String {
      files.failure {
        _ = try TaskEncoding(encoder: LetterEncoder(), maximumLength: length)
          .encode(samples, of: task)
      }
    }
    #expect(failure(9, samples) == "no error")
    #expect(
      failure(8, samples) == """
        rows.jsonl, line 1: request 0: the continuation has 9 tokens, and the model reads 8; shorten it, or take a model of a longer context [badData]
        """)
    var blank = samples
    blank[0].requests[0] = .init(context: "  ", continuation: "x")
    #expect(
      failure(8, blank) == """
        rows.jsonl, line 1: request 0: the context has no tokens of its own in "  " and "x" [badData]
        """)
    blank[0].requests[0] = .init(context: "abc", continuation: "")
    #expect(
      failure(8, blank) == """
        rows.jsonl, line 1: request 0: the continuation has no tokens of its own in "abc" and "" [badData]
        """)
  }

  @Test(arguments: [Double.nan, -.infinity])
  func `a log-likelihood that is no number is not scored`(_ value: Double) throws {
    let files = try TaskFiles()
    let task = try EvaluationTask.load(files.write(Self.good, to: "rows.jsonl"))
    let found = [
      LogLikelihood(sum: -1, isGreedy: false), LogLikelihood(sum: value, isGreedy: false),
    ]
    let failure = files.failure {
      _ = try task.result(of: try task.samples(), likelihoods: [found], hash: { $0 })
    }
    #expect(
      failure == """
        rows.jsonl, line 1: the model gives request 1 a log-likelihood of \(value); a model that gives no numbers cannot be scored [badData]
        """)
  }
}

/// A token a letter; the letters a text begins with are special to nobody.
struct LetterEncoder: TextEncoder {
  var endOfText: Int32? { 0 }
  var beginningOfText: Int32? { nil }

  func encode(_ text: String, addSpecialTokens: Bool) -> [Int32] {
    text.unicodeScalars.map { Int32($0.value) }
  }
}
