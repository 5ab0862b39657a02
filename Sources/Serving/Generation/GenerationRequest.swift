import Models

/// Prompts to be continued.
struct GenerationRequest: Sendable {
  /// Ids, at least one each.
  var prompts: [[Int32]]
  /// Continuations of each prompt.
  var choices = 1
  /// Those of the first choice; every other one has the seed after it.
  var sampling: SamplingOptions
  /// Tokens of a choice at most.
  var maximumTokens: Int
  /// A choice ends before the first of them.
  var stopWords: [String] = []
  /// Goes on after the token that ends the text, for measurements.
  var ignoresEnd = false
  /// How many of the most probable tokens are told beside each; nil: nothing is told of any.
  var toldTokens: Int?
  /// Whether tokens of the prompts are told too.
  var tellsPrompts = false

  var sequences: Int { prompts.count * choices }
}

/// A token as it is told, with the logarithm of its probability.
struct ToldToken: Sendable, Equatable {
  struct Candidate: Sendable, Equatable {
    var bytes: [UInt8]
    var logProbability: Double
  }

  var bytes: [UInt8]
  /// nil for a first token, which nothing stands before.
  var logProbability: Double?
  /// The most probable ones in its place, the most probable first.
  var top: [Candidate] = []
}

/// What becomes of a request, in order.
enum GenerationEvent: Sendable {
  enum Ending: String, Sendable {
    /// The model ended the text, or a stop word has come.
    case stop
    /// No more tokens were asked for, or the model has no more positions.
    case length
  }

  /// All tokens of a prompt.
  case prompt(Int, [ToldToken])
  /// More text of a choice; those of a prompt follow one another.
  case text(choice: Int, String, [ToldToken])
  case end(choice: Int, Ending, tokens: Int)
  /// Nothing more will come.
  case failure(RequestError)
}
