import Corpus
import Documents
import Foundation
import Operations
import TensorCore
import Transformers

/// Continues a text: reads the prompt at once, then token after token with the model's recurrent
/// state (a student) or a key-value cache (a teacher).
public struct TextGenerator {
  private let decoder: Decoder
  private let tokenizer: Tokenizer
  private let location: String
  /// Tokens after which nothing is generated.
  private let stopTokens: Set<Int32>
  /// Seconds of a clock that never goes back.
  private let clock: () -> Double

  /// A generator.
  ///
  /// - Parameters:
  ///   - location: The model, for messages.
  ///   - stopTokens: Tokens after which nothing is generated.
  ///   - clock: Seconds, never going back.
  public init(
    decoder: Decoder, tokenizer: Tokenizer, location: String, stopTokens: Set<Int32>,
    clock: @escaping () -> Double
  ) {
    self.decoder = decoder
    self.tokenizer = tokenizer
    self.location = location
    self.stopTokens = stopTokens
    self.clock = clock
  }

  /// Ends where the tokenizer or the checkpoint's configuration says a text ends.
  ///
  /// - Throws: `ModelError` for an encoder, and when the checkpoint carries no tokenizer.
  public init(
    _ model: LoadedModel, clock: @escaping () -> Double = { ProcessInfo.processInfo.systemUptime }
  ) throws {
    try model.requireDecoder(for: "generating text")
    let tokenizer = try model.requireTokenizer()
    self.init(
      decoder: model.decoder, tokenizer: tokenizer, location: model.location,
      stopTokens: model.stopTokens(tokenizer), clock: clock)
  }

  /// The ids of a prompt; for an empty one the token that begins a text, or else the one that ends
  /// it, which stands between the documents of most training texts.
  ///
  /// - Parameter addSpecialTokens: false for text that spells them itself, as chat templates do.
  /// - Throws: `GenerationError.noStart`.
  public func promptTokens(_ text: String, addSpecialTokens: Bool) throws -> [Int32] {
    try Self.promptTokens(
      text, addSpecialTokens: addSpecialTokens, tokenizer: tokenizer, location: location)
  }

  /// The same of a tokenizer alone.
  package static func promptTokens(
    _ text: String, addSpecialTokens: Bool, tokenizer: Tokenizer, location: String
  ) throws -> [Int32] {
    let tokens = tokenizer.encode(text, addSpecialTokens: addSpecialTokens)
    if !tokens.isEmpty { return tokens }
    guard let start = tokenizer.beginningOfText ?? tokenizer.endOfText else {
      throw GenerationError.noStart(location: location)
    }
    return [start]
  }

  /// - Parameters:
  ///   - prompt: ids, at least one.
  ///   - maximumTokens: tokens to generate at most.
  ///   - ignoreEnd: go on after the end of the text, for measurements.
  ///   - onText: called with every piece of text as soon as it is certain.
  /// - Throws: `GenerationError`, and what `onText` throws.
  public func generate(
    _ prompt: [Int32], maximumTokens: Int, sampling: SamplingOptions, ignoreEnd: Bool = false,
    onText: (String) throws -> Void = { _ in }
  ) throws -> GenerationResult {
    var sequence: RememberedSequence?
    return try generate(
      prompt, after: &sequence, maximumTokens: maximumTokens, sampling: sampling,
      ignoreEnd: ignoreEnd, onText: onText)
  }

  /// Goes on with a sequence: what was generated before, and is then generated, is to the last bit
  /// what one call for all of it gives.
  ///
  /// - Parameters:
  ///   - prompt: ids that follow what the sequence has; none to go on where it stands.
  ///   - sequence: read by this generator's model, or nil for a new one; afterwards with the prompt
  ///     and what was generated.
  public func generate(
    _ prompt: [Int32], after sequence: inout RememberedSequence?, maximumTokens: Int,
    sampling: SamplingOptions, ignoreEnd: Bool = false,
    onText: (String) throws -> Void = { _ in }
  ) throws -> GenerationResult {
    let (room, context) = try room(after: prompt, sequence, maximumTokens: maximumTokens)
    let sampler = sampling.sampler
    var result = GenerationResult(
      promptTokens: prompt.count, rememberedTokens: sequence?.position ?? 0)
    var current = sequence ?? RememberedSequence(decoder, context: context)
    current.add(prompt: prompt)
    defer { sequence = current }
    let session = current.session
    var text = current.decoder(tokenizer)
    let start = clock()
    _ = session.advance(current.unread)
    var logits = maximumTokens > 0 ? session.logits(after: []) : Tensor(zeros: [0])
    result.prefillSeconds = clock() - start
    result.prefillStateBytes = session.stateBytes
    let decodeStart = clock()
    while result.tokens.count < maximumTokens {
      try requireFinite(logits, position: session.position)
      let token = sampler.sample(logits, step: current.generated)
      if stopTokens.contains(token), !ignoreEnd {
        result.ending = .endOfText
        break
      }
      result.tokens.append(token)
      current.add(generated: token)
      let piece = text.append(token)
      if !piece.isEmpty { try onText(piece) }
      if result.tokens.count == maximumTokens { break }
      if result.tokens.count == room {
        result.ending = .lastPosition
        break
      }
      logits = session.logits(after: [token])
      result.decodedTokens += 1
    }
    let rest = text.finish()
    if !rest.isEmpty { try onText(rest) }
    result.decodeSeconds = clock() - decodeStart
    result.stateBytes = session.stateBytes
    return result
  }

  /// Tokens that can be chosen before the model's sequences end, and those that the sequence is to
  /// have in the end, as far as is known.
  private func room(
    after prompt: [Int32], _ sequence: RememberedSequence?, maximumTokens: Int
  ) throws -> (tokens: Int, context: Int) {
    precondition(
      sequence.map { $0.session.decoder === decoder } ?? true, "a sequence of another model")
    precondition(!prompt.isEmpty || sequence != nil, "a prompt has at least one token")
    try requireTokens(prompt)
    let remembered = sequence?.tokens.count ?? 0
    let count = remembered + prompt.count
    let context = count + min(maximumTokens, Int(Int32.max))
    if let session = sequence?.session, !session.expect(context: context) {
      throw GenerationError.contextOutgrown(
        location: location, known: session.context, tokens: context)
    }
    guard let limit = decoder.lengthLimit else { return (.max, context) }
    guard count <= limit.tokens else {
      throw GenerationError.promptTooLong(
        location: location, tokens: count, remembered: remembered, limit: limit.reason)
    }
    // The last position's logits still choose a token, which is then not read.
    return (limit.tokens - count + 1, context)
  }

  private func requireTokens(_ prompt: [Int32]) throws {
    let size = decoder.configuration.vocabularySize
    if let id = prompt.first(where: { Int($0) >= size || $0 < 0 }) {
      throw ModelError(
        location: location,
        problems: [
          "the tokenizer gives the id \(id), but the embedding has \(size) rows; use the model's own tokenizer"
        ])
    }
  }

  private func requireFinite(_ logits: Tensor, position: Int) throws {
    guard holdsLogits(logits) else {
      throw GenerationError.notFinite(location: location, position: position)
    }
  }
}

extension LoadedModel {
  /// Tokens after which a text goes no further: where the tokenizer or the checkpoint's configuration
  /// says that one ends.
  package func stopTokens(_ tokenizer: Tokenizer) -> Set<Int32> {
    Set(source.endOfTextIDs + [tokenizer.endOfText].compactMap { $0 })
  }
}
