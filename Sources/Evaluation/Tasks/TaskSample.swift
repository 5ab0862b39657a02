import Documents

/// One sample of a task, as texts.
public struct TaskSample: Sendable, Equatable {
  /// A continuation to be scored after a context.
  public struct Request: Sendable, Equatable {
    /// What stands before the continuation.
    public var context: String
    /// What is scored.
    public var continuation: String

    /// A continuation and its context, as texts.
    public init(context: String, continuation: String) {
      self.context = context
      self.continuation = continuation
    }
  }

  /// Position among the task's samples, from 0.
  public var index: Int
  /// Line of the data file, from 1.
  public var line: Int
  /// The row as it is in the file.
  public var row: JSONObject
  /// One a choice, or the only one; a text that is scored as a whole has no context.
  public var requests: [Request]
  /// Position of the right choice; `nil` where there are none.
  public var answer: Int?
  /// What lm-eval calls the target, as text.
  public var target: String
  /// Code points of each choice without the delimiter.
  public var choiceLengths: [Int]
  /// Orders in which lettered choices are shown, each begun at another choice; 0 where the context
  /// does not show them. Requests are one a letter, order by order.
  public var rotations: Int
  /// Words and UTF-8 bytes of a text that is scored as a whole, before it was cleaned.
  public var words: Int
  /// UTF-8 bytes of a text that is scored as a whole, before it was cleaned.
  public var bytes: Int

  /// Choices that the sample has, 1 where there is none to make.
  public var choices: Int { rotations == 0 ? requests.count : rotations }

  /// A sample; the defaults are those of one without choices.
  public init(
    index: Int, line: Int, row: JSONObject, requests: [Request], answer: Int? = nil,
    target: String, choiceLengths: [Int] = [], rotations: Int = 0, words: Int = 0, bytes: Int = 0
  ) {
    self.index = index
    self.line = line
    self.row = row
    self.requests = requests
    self.answer = answer
    self.target = target
    self.choiceLengths = choiceLengths
    self.rotations = rotations
    self.words = words
    self.bytes = bytes
  }
}
