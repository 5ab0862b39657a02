import Corpus
import Documents
import Foundation
import Models
import Synchronization

/// Answers requests with a model that another thread runs. Knows nothing of HTTP but its words.
final class Service: Sendable {
  let name: String
  let limits: ServingLimits
  let metrics: Metrics
  let clock: @Sendable () -> Double
  let words: Vocabulary
  private let queue: TicketQueue
  private let chat: Result<ChatFormat?, any Error>
  /// What the model's `generation_config.json` asks for.
  private let ownSampling: SamplingOptions?
  private let lengthLimit: Int?
  private let created: Int
  private let stopping = Atomic(false)

  init(
    _ model: LoadedModel, name: String, words: Vocabulary, limits: ServingLimits,
    queue: TicketQueue,
    metrics: Metrics, clock: @escaping @Sendable () -> Double
  ) throws {
    self.name = name
    self.words = words
    self.limits = limits
    self.queue = queue
    self.metrics = metrics
    self.clock = clock
    chat = Result { try model.readableChat() }
    ownSampling = try SamplingOptions(generation: model.source.generation, seed: 0)
    lengthLimit = model.decoder.lengthLimit?.tokens
    created = Int(Date().timeIntervalSince1970)
  }

  /// From now on requests are turned away.
  func stop() { stopping.store(true, ordering: .releasing) }
  var isStopping: Bool { stopping.load(ordering: .acquiring) }

  func result(_ endpoint: Endpoint, _ body: [UInt8]) async -> Result<Answer, RequestError> {
    do throws(RequestError) {
      return .success(try await answer(endpoint, body))
    } catch {
      return .failure(error)
    }
  }

  func answer(_ endpoint: Endpoint, _ body: [UInt8]) async throws(RequestError) -> Answer {
    switch endpoint {
    case .health:
      return .document(
        ["status": isStopping ? "stopping" : "ok"], status: isStopping ? 503 : 200)
    case .metrics:
      return .whole(
        status: 200, type: "text/plain; version=0.0.4; charset=utf-8", Array(metrics.text.utf8))
    case .models: return .document(["object": "list", "data": [modelDocument]])
    case .model(let name):
      try requireModel(name)
      return .document(modelDocument)
    case .completions: return try await complete(parsed(body))
    case .chatCompletions: return try await chat(parsed(body))
    }
  }

  private var modelDocument: JSONValue {
    [
      "id": .string(name), "object": "model", "created": .integer(created),
      "owned_by": "linearize",
    ]
  }

  private func requireModel(_ name: String?) throws(RequestError) {
    guard let name, name != self.name else { return }
    throw RequestError(
      404, "model_not_found", "there is no model \"\(name)\" here, only \"\(self.name)\"")
  }

  private func parsed(_ body: [UInt8]) throws(RequestError) -> JSONValue {
    do {
      return try JSONValue(parsing: body)
    } catch {
      throw RequestError(400, "invalid_json", "the body is no JSON document: \(error)")
    }
  }

  // MARK: Completions

  private func complete(_ document: JSONValue) async throws(RequestError) -> Answer {
    let request = try CompletionRequest(document, limits: limits, own: ownSampling)
    try requireModel(request.fields.model)
    if request.isEchoed, request.fields.isStreamed, request.toldTokens != nil {
      throw RequestError(
        400, "invalid_request",
        "$.stream: log-probabilities of a prompt (echo) are not streamed; leave stream or echo out")
    }
    var prompts: [[Int32]] = []
    var echoes: [String] = []
    for prompt in request.prompts {
      switch prompt {
      case .text(let text):
        prompts.append(try tokens(of: text, addSpecialTokens: true))
        if request.isEchoed { echoes.append(text) }
      case .tokens(let ids):
        prompts.append(ids)
        if request.isEchoed { echoes.append(words.tokenizer.decode(ids)) }
      }
    }
    let generation = try generation(
      prompts, request.fields, defaultTokens: CompletionRequest.defaultTokens,
      toldTokens: request.toldTokens, tellsPrompts: request.isEchoed)
    let form = CompletionForm(
      head: head("cmpl", "text_completion", streamed: "text_completion"),
      promptTokens: prompts.reduce(0) { $0 + $1.count }, choices: generation.sequences,
      choicesOfPrompt: generation.choices, echoes: echoes, tells: request.toldTokens != nil)
    return try await answer(generation, form, request.fields)
  }

  // MARK: Chat

  private func chat(_ document: JSONValue) async throws(RequestError) -> Answer {
    let request = try ChatRequest(document, limits: limits, own: ownSampling)
    try requireModel(request.fields.model)
    let text: String
    do {
      guard let chat = try chat.get() else {
        throw RequestError(
          400, "no_chat_template",
          "the model \"\(name)\" has no chat template; spell the conversation yourself and send it "
            + "to /v1/completions")
      }
      text = try chat.template.render(
        messages: request.messages, addGenerationPrompt: true,
        beginningOfText: chat.beginningOfText, endOfText: chat.endOfText, extra: chat.extra)
    } catch let error as RequestError {
      throw error
    } catch {
      throw RequestError(400, "invalid_request", "$.messages: \(error)")
    }
    let prompt = try tokens(of: text, addSpecialTokens: false)
    let generation = try generation(
      [prompt], request.fields, defaultTokens: limits.newTokens, toldTokens: request.toldTokens,
      tellsPrompts: false)
    let form = ChatForm(
      head: head("chatcmpl", "chat.completion", streamed: "chat.completion.chunk"),
      promptTokens: prompt.count, choices: generation.sequences,
      tells: request.toldTokens != nil)
    return try await answer(generation, form, request.fields)
  }

  // MARK: Both

  private func tokens(of text: String, addSpecialTokens: Bool) throws(RequestError) -> [Int32] {
    do {
      return try TextGenerator.promptTokens(
        text, addSpecialTokens: addSpecialTokens, tokenizer: words.tokenizer,
        location: words.location)
    } catch {
      throw RequestError(400, "invalid_request", "$.prompt: \(error)")
    }
  }

  private func generation(
    _ prompts: [[Int32]], _ fields: GenerationFields, defaultTokens: Int, toldTokens: Int?,
    tellsPrompts: Bool
  ) throws(RequestError) -> GenerationRequest {
    let limit = min(limits.promptTokens, lengthLimit ?? .max)
    for prompt in prompts {
      if prompt.count > limit {
        throw RequestError(
          400, "context_length_exceeded",
          "a prompt has \(prompt.count) tokens, expected at most \(limit); shorten it")
      }
      if let id = prompt.first(where: { $0 < 0 || Int($0) >= words.size }) {
        throw RequestError(
          400, "invalid_request",
          "$.prompt: found the token id \(id), expected one from 0 to \(words.size - 1)")
      }
    }
    return GenerationRequest(
      prompts: prompts, choices: fields.choices, sampling: fields.sampling ?? .greedy,
      maximumTokens: fields.maximumTokens ?? min(defaultTokens, limits.newTokens),
      stopWords: fields.stopWords, ignoresEnd: fields.ignoresEnd, toldTokens: toldTokens,
      tellsPrompts: tellsPrompts)
  }

  private func head(_ prefix: String, _ kind: String, streamed: String) -> AnswerHead {
    AnswerHead(
      id: "\(prefix)-\(UUID().uuidString.lowercased().replacing("-", with: ""))", kind: kind,
      streamedKind: streamed, created: Int(Date().timeIntervalSince1970), model: name)
  }

  private func answer(
    _ request: GenerationRequest, _ form: some AnswerForm, _ fields: GenerationFields
  ) async throws(RequestError) -> Answer {
    let (events, continuation) = AsyncStream.makeStream(of: GenerationEvent.self)
    let now = clock()
    let ticket = Ticket(
      request, arrival: now, deadline: now + limits.requestSeconds, events: continuation)
    try queue.hand(in: ticket)
    if fields.isStreamed {
      return .stream(ticket, events, EventLines(form, includesUsage: fields.includesUsage))
    }
    // A connection that is lost ends the task.
    let collected = await withTaskCancellationHandler {
      await Self.collected(events, form.choices, ofPrompt: request.choices)
    } onCancel: {
      ticket.cancel()
    }
    if ticket.isCancelled { throw .clientGone }
    let choices = try collected.get()
    return .document(
      form.head.document(
        isStreamed: false, choices.enumerated().map { form.choice($0, $1) },
        usage: form.usage(choices.reduce(0) { $0 + $1.tokens })))
  }

  private static func collected(
    _ events: AsyncStream<GenerationEvent>, _ choices: Int, ofPrompt choicesOfPrompt: Int
  ) async -> Result<[MadeChoice], RequestError> {
    var collector = AnswerCollector(choices: choices, ofPrompt: choicesOfPrompt)
    do throws(RequestError) {
      for await event in events { try collector.add(event) }
    } catch {
      return .failure(error)
    }
    return .success(collector.choices)
  }
}

extension RequestError {
  /// Nobody reads it.
  static let clientGone = RequestError(499, "client_gone", "the client has gone")
}
