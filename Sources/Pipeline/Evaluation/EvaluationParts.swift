import Documents

/// Multi-query associative recall and passkeys, made by the program.
public struct RecallPlan: Sendable, Equatable {
  /// Tokens of a sequence of key-value pairs, eight tokens a pair.
  public var associativeLengths: [Int]
  /// Keys asked at each length, or a few more: sequences are as many as that takes.
  public var associativeQueries: Int
  /// Tokens of a text that hides a passkey.
  public var passkeyLengths: [Int]
  /// Passkeys at each length, their depths spread evenly.
  public var passkeys: Int

  /// A plan; the defaults are those of a recipe that says nothing.
  public init(
    associativeLengths: [Int] = [64, 128, 256, 512], associativeQueries: Int = 128,
    passkeyLengths: [Int] = [256, 512, 1024], passkeys: Int = 5
  ) {
    self.associativeLengths = associativeLengths
    self.associativeQueries = associativeQueries
    self.passkeyLengths = passkeyLengths
    self.passkeys = passkeys
  }

  init(_ reader: DocumentReader) {
    self.init()
    associativeLengths = reader.integers(
      "associativeLengths", default: associativeLengths,
      "Tokens of multi-query associative recall, eight a pair.")
    associativeQueries = reader.integer(
      "associativeQueries", in: 1...100_000, default: associativeQueries,
      "Keys asked at each length.")
    passkeyLengths = reader.integers(
      "passkeyLengths", default: passkeyLengths, "Tokens of a text that hides a passkey.")
    passkeys = reader.integer(
      "passkeys", in: 1...100_000, default: passkeys, "Passkeys at each length.")
    for length in associativeLengths where length < 16 {
      reader.report("associativeLengths", "found \(length), expected at least 16: a pair")
    }
    for length in passkeyLengths where length < 64 {
      reader.report("passkeyLengths", "found \(length), expected at least 64")
    }
  }
}

/// On how much text attention and predictions are compared.
public struct FidelityPlan: Sendable, Equatable {
  /// Test sequences to compare on.
  public var sequences: Int
  /// Tokens of a sequence whose attention rows are compared: cost is quadratic in it.
  public var length: Int
  /// Texts whose beginnings are continued greedily; 0 for none.
  public var prompts: Int

  /// A plan; the defaults are those of a recipe that says nothing.
  public init(sequences: Int = 2, length: Int = 256, prompts: Int = 8) {
    self.sequences = sequences
    self.length = length
    self.prompts = prompts
  }

  init(_ reader: DocumentReader) {
    self.init()
    sequences = reader.integer(
      "sequences", in: 1...100_000, default: sequences, "Test sequences to compare on.")
    length = reader.integer(
      "length", in: 8...65_536, default: length, "First tokens of each; cost is quadratic in it.")
    prompts = reader.integer(
      "prompts", in: 0...100_000, default: prompts,
      "Test sequences whose beginnings are continued greedily, to see how long the student says what "
        + "the teacher says; 0 for none.")
  }
}

/// At which lengths teacher and student are timed.
public struct SpeedPlan: Sendable, Equatable {
  /// Tokens of context, ascending.
  public var lengths: [Int]
  /// Single tokens decoded at each length.
  public var steps: Int
  /// A length that would take longer is left out, and the report says so.
  public var maximumSeconds: Double

  /// A plan; the defaults are those of a recipe that says nothing.
  public init(
    lengths: [Int] = [512, 1024, 2048, 4096], steps: Int = 8, maximumSeconds: Double = 60
  ) {
    self.lengths = lengths
    self.steps = steps
    self.maximumSeconds = maximumSeconds
  }

  init(_ reader: DocumentReader) {
    self.init()
    lengths = reader.integers("lengths", default: lengths, "Tokens of context, ascending.")
    steps = reader.integer(
      "steps", in: 1...10_000, default: steps, "Single tokens decoded at each length.")
    maximumSeconds = reader.number(
      "maximumSeconds", in: 0...1e9, default: maximumSeconds,
      "A length that would take longer is left out, and the report says so.")
    if lengths.isEmpty || lengths.contains(where: { $0 < 1 }) || lengths != lengths.sorted() {
      reader.report("lengths", "found \(lengths), expected ascending numbers of at least 1")
    }
  }
}
