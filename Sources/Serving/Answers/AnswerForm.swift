import Documents
import Foundation

/// Spells what becomes of a request as its endpoint's documents.
protocol AnswerForm: Sendable {
  /// Which request it answers.
  var head: AnswerHead { get }
  /// Tokens of all prompts.
  var promptTokens: Int { get }
  /// Continuations of all prompts.
  var choices: Int { get }

  /// A choice as a whole.
  func choice(_ index: Int, _ made: MadeChoice) -> JSONValue
  /// The part of a choice that comes before its first text; nil for none.
  func opening(_ index: Int) -> JSONValue?
  /// A part of a choice.
  func part(_ index: Int, _ text: String, _ told: [ToldToken], offset: Int) -> JSONValue
  /// The end of a choice.
  func end(_ index: Int, _ ending: GenerationEvent.Ending) -> JSONValue
}

/// A choice as far as it has come.
struct MadeChoice: Sendable {
  var text = ""
  var told: [ToldToken] = []
  var ending: GenerationEvent.Ending?
  var tokens = 0
}

/// What all documents of one answer begin with.
struct AnswerHead: Sendable {
  var id: String
  var kind: String
  var streamedKind: String
  /// Seconds since 1970.
  var created: Int
  var model: String

  func document(isStreamed: Bool, _ choices: [JSONValue], usage: JSONValue?) -> JSONValue {
    var members = JSONObject([
      ("id", .string(id)), ("object", .string(isStreamed ? streamedKind : kind)),
      ("created", .integer(created)), ("model", .string(model)), ("choices", .array(choices)),
    ])
    if let usage { members["usage"] = usage }
    return .object(members)
  }
}

extension AnswerForm {
  func usage(_ generated: Int) -> JSONValue {
    [
      "prompt_tokens": .integer(promptTokens), "completion_tokens": .integer(generated),
      "total_tokens": .integer(promptTokens + generated),
    ]
  }
}

/// Puts the parts of an answer together.
struct AnswerCollector {
  private(set) var choices: [MadeChoice]
  private let choicesOfPrompt: Int

  init(choices: Int, ofPrompt choicesOfPrompt: Int) {
    self.choices = Array(repeating: MadeChoice(), count: choices)
    self.choicesOfPrompt = choicesOfPrompt
  }

  mutating func add(_ event: GenerationEvent) throws(RequestError) {
    switch event {
    case .prompt(let index, let told):
      for choice in index * choicesOfPrompt..<(index + 1) * choicesOfPrompt {
        choices[choice].told = told
      }
    case .text(let choice, let text, let told):
      choices[choice].text += text
      choices[choice].told += told
    case .end(let choice, let ending, let tokens):
      choices[choice].ending = ending
      choices[choice].tokens = tokens
    case .failure(let error): throw error
    }
  }
}
