import Models
import Operations
import TensorCore
import Transformers

/// Owns a model, and advances all sequences of all requests: in every round one piece of a prompt is
/// read, and every other sequence gets its next token, the weights being read once for all of them. Of
/// one thread alone.
final class GenerationLoop {
  private let model: LoadedModel
  private let words: Vocabulary
  private let limits: ServingLimits
  private let queue: TicketQueue
  private let metrics: Metrics
  private let clock: @Sendable () -> Double

  /// Prompts in the order in which they came.
  private var waiting: [(ticket: Ticket, index: Int)] = []
  /// They take turns, so that a short prompt does not wait for a long one.
  private var reading: [PromptReading] = []
  private var live: [LiveSequence] = []
  /// Sequences of a ticket that have not ended.
  private var left: [ObjectIdentifier: Int] = [:]

  init(
    _ model: LoadedModel, words: Vocabulary, limits: ServingLimits, queue: TicketQueue,
    metrics: Metrics, clock: @escaping @Sendable () -> Double
  ) {
    self.model = model
    self.words = words
    self.limits = limits
    self.queue = queue
    self.metrics = metrics
    self.clock = clock
  }

  private var isIdle: Bool { waiting.isEmpty && reading.isEmpty && live.isEmpty }

  /// Until the queue is closed.
  func run() {
    while let arrived = queue.take(waits: isIdle) {
      for ticket in arrived {
        left[ObjectIdentifier(ticket)] = ticket.request.sequences
        waiting += ticket.request.prompts.indices.map { (ticket, $0) }
      }
      round()
    }
    for ticket in tickets { ticket.fail(.stopping) }
    dropClosed()
  }

  private var tickets: [Ticket] {
    waiting.map(\.ticket) + reading.map(\.ticket) + live.map(\.ticket)
  }

  private func round() {
    let now = clock()
    for ticket in tickets where ticket.isOpen && now > ticket.deadline {
      ticket.fail(
        RequestError(
          503, "too_slow",
          "the answer was not complete after \(Int(limits.requestSeconds)) s; ask for fewer tokens, or "
            + "try again when fewer requests are under way"))
    }
    dropClosed()
    admit()
    readPiece()
    decode()
    metrics.set(waiting: waiting.count, reading: reading.count, decoding: live.count)
  }

  /// What has failed, and what nobody waits for.
  private func dropClosed() {
    let closed = Set(tickets.filter { !$0.isOpen }.map { ObjectIdentifier($0) })
    if closed.isEmpty { return }
    for id in closed {
      if let count = left.removeValue(forKey: id) { queue.giveBack(count) }
    }
    metrics.count(
      cancelled: Set(tickets.filter(\.isCancelled).map { ObjectIdentifier($0) }).count)
    waiting.removeAll { !$0.ticket.isOpen }
    reading.removeAll { !$0.ticket.isOpen }
    live.removeAll { !$0.ticket.isOpen }
  }

  private func admit() {
    while let next = waiting.first {
      let taken = reading.reduce(live.count) { $0 + $1.ticket.request.choices }
      guard taken == 0 || taken + next.ticket.request.choices <= limits.sequences else { return }
      waiting.removeFirst()
      reading.append(
        PromptReading(next.ticket, index: next.index, model.decoder, words: words))
    }
  }

  private func readPiece() {
    guard !reading.isEmpty else { return }
    let prompt = reading.removeFirst()
    let (start, before) = (clock(), prompt.session.position)
    prompt.advance()
    if prompt.isDone { begin(prompt) } else { reading.append(prompt) }
    metrics.count(promptTokens: prompt.session.position - before, seconds: clock() - start)
  }

  /// Every choice goes on from the prompt's memory, the first with the memory itself.
  private func begin(_ prompt: PromptReading) {
    let ticket = prompt.ticket
    prompt.finish()
    let choices = ticket.request.choices
    guard ticket.request.maximumTokens > 0 else {
      for choice in 0..<choices {
        ticket.tell(.end(choice: prompt.index * choices + choice, .length, tokens: 0))
        ended(ticket)
      }
      return
    }
    let room = model.decoder.lengthLimit.map { $0.tokens - prompt.tokens.count + 1 } ?? .max
    let logits = prompt.session.logits(after: [])
    let sessions = [prompt.session] + (1..<choices).map { _ in prompt.session.fork() }
    let sequences = sessions.enumerated().map { choice, session in
      LiveSequence(
        ticket, choice: prompt.index * choices + choice, session, words: words, room: room)
    }
    accept(sequences.map { ($0, $0.draw(logits)) })
    metrics.count(firstTokenSeconds: clock() - ticket.arrival)
  }

  private func decode() {
    guard !live.isEmpty else { return }
    let start = clock()
    let sequences = live
    let logits = DecodingSession.logits(
      sequences.map(\.session), after: sequences.map(\.token))
    let draws = WorkerPool.shared.parallelMap(sequences.count) { row in
      sequences[row].draw(copiedRows(logits, row..<row + 1))
    }
    live = []
    accept(Array(zip(sequences, draws)))
    metrics.count(generatedTokens: sequences.count, seconds: clock() - start)
  }

  private func accept(_ draws: [(sequence: LiveSequence, draw: LiveSequence.Draw?)]) {
    for (sequence, draw) in draws {
      guard let draw else {
        sequence.ticket.fail(
          RequestError(
            500, "not_finite",
            "the logits after token \(sequence.session.position) are not finite, so no token can be "
              + "chosen; the weights are damaged or the model has diverged"))
        // Dropped with the next round.
        live.append(sequence)
        continue
      }
      if sequence.accept(draw) { live.append(sequence) } else { ended(sequence.ticket) }
    }
  }

  private func ended(_ ticket: Ticket) {
    let id = ObjectIdentifier(ticket)
    guard let count = left[id] else { return }
    queue.giveBack(1)
    left[id] = count - 1
    if count == 1 {
      left[id] = nil
      ticket.end()
    }
  }
}
