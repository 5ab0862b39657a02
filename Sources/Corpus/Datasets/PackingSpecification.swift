import Documents

/// How documents become sequences of one length, as a recipe says it.
public struct PackingSpecification: Sendable, Equatable {
  /// Whether documents share sequences.
  public enum Packing: String, Sendable, CaseIterable {
    /// Documents follow each other and are cut where a sequence is full.
    case concatenated
    /// Every sequence holds one document, padded.
    case oneDocument
  }

  /// Whether documents that share a sequence see each other.
  public enum DocumentBoundaries: String, Sendable, CaseIterable {
    /// Positions and attention start again with every document.
    case kept
    /// A sequence is one text, whatever documents it is made of (as LoLCATs does).
    case ignored
  }

  /// What becomes of the tokens after the last full sequence.
  public enum LastRemainder: String, Sendable, CaseIterable {
    case droppedIfPartial
    /// As in LoLCATs: a sequence is made only when more tokens follow, so that the last remainder
    /// is dropped even when it is exactly one sequence.
    case dropped
    case padded
  }

  /// The end of a sequence at which padding stands.
  public enum PaddingSide: String, Sendable, CaseIterable { case left, right }

  /// What becomes of a document that is longer than a sequence of its own.
  public enum LongDocuments: String, Sendable, CaseIterable { case split, truncated, refused }

  /// Tokens.
  public var sequenceLength: Int
  /// Whether documents share sequences.
  public var packing = Packing.concatenated
  /// Whether documents that share a sequence see each other.
  public var documentBoundaries = DocumentBoundaries.kept
  /// What becomes of the tokens after the last full sequence.
  public var lastRemainder = LastRemainder.droppedIfPartial
  /// The end of a sequence at which padding stands.
  public var paddingSide = PaddingSide.right
  /// What becomes of a document longer than a sequence of its own.
  public var longDocuments = LongDocuments.split
  /// Sequences in which nothing would be learned are left out.
  public var dropUnlabelled = true
  /// Sequences made at most; `nil` for no bound.
  public var maximumSequences: Int?
  /// Tokens in all sequences, padding included; only whole sequences are made.
  public var maximumTokens: Int?

  /// Sequences of so many tokens, documents concatenated and kept apart.
  public init(sequenceLength: Int) {
    precondition(sequenceLength > 0, "sequenceLength is \(sequenceLength), expected at least 1")
    self.sequenceLength = sequenceLength
  }

  /// Reads `data`'s fields about sequences.
  public init(_ reader: DocumentReader) {
    self.init(
      sequenceLength: reader.integer(
        "sequenceLength", in: 2...(1 << 24), "tokens of every sequence"))
    packing = reader.choice(
      "packing", default: packing, "whether documents share a sequence or have one each")
    documentBoundaries = reader.choice(
      "documentBoundaries", default: documentBoundaries,
      "whether positions and attention start again with every document of a sequence")
    lastRemainder = reader.choice(
      "lastRemainder", default: lastRemainder, "what becomes of tokens that fill no sequence")
    paddingSide = reader.choice("paddingSide", default: paddingSide, "where padding goes")
    longDocuments = reader.choice(
      "longDocuments", default: longDocuments,
      "with packing: oneDocument, what becomes of a document longer than sequenceLength")
    dropUnlabelled = reader.boolean(
      "dropUnlabelled", default: dropUnlabelled,
      "whether sequences in which nothing would be learned are left out")
    maximumSequences = reader.optionalInteger(
      "maximumSequences", in: 1...Int.max, "sequences made at most")
    maximumTokens = reader.optionalInteger(
      "maximumTokens", in: 1...Int.max, "tokens in all sequences at most")
    if let maximumTokens, maximumTokens < sequenceLength {
      reader.report(
        "maximumTokens",
        "found \(maximumTokens), expected at least the sequenceLength of \(sequenceLength)")
    }
  }

  /// Sequences that the budgets allow.
  var budget: Int {
    min(maximumSequences ?? .max, maximumTokens.map { $0 / sequenceLength } ?? .max)
  }
}
