import ArgumentParser
import Dispatch
import Documents
import Foundation
import Models
import Pipeline
import Serving
import Synchronization

struct ServeCommand: ParsableCommand {
  static let tokenVariable = "LINEARIZE_TOKEN"

  static let configuration = CommandConfiguration(
    commandName: "serve",
    abstract: "Serves a model over HTTP, as OpenAI's API has it.",
    discussion: """
      Answers /v1/completions and /v1/chat/completions (also streamed), /v1/models, /health and \
      /metrics. Requests that come at the same time are advanced together, and each is answered as if it \
      were alone. Listens on 127.0.0.1; elsewhere only with a token, which clients send as \
      "Authorization: Bearer TOKEN". There is no TLS: put a proxy before it where others listen.

      SIGTERM and SIGINT let what is under way end; requests that come then are answered with 503. The \
      exit status is 0 when all answers were complete, 75 when some were cut. A second signal ends the \
      program at once.

      EXAMPLES
        linearize serve --model runs/lolcats
        linearize serve --model teacher.gguf --port 9000 --sequences 8
        linearize serve --model runs/lolcats --host 0.0.0.0 --token-file token
      """)

  @OptionGroup var options: ModelOptions

  @Option(help: "What clients call the model; by default the last part of its path.")
  var name: String?

  @Option(help: "The address to listen on.")
  var host = "127.0.0.1"

  @Option(help: "The port to listen on; 0 lets the system choose one.")
  var port: UInt16 = 8080

  @Option(
    help: ArgumentHelp(
      "A file that holds the token; without it the variable \(tokenVariable) counts.",
      valueName: "path"),
    completion: .file())
  var tokenFile: String?

  @Option(help: "Sequences that are read and continued at one time.")
  var sequences = ServingLimits().sequences

  @Option(help: "Sequences that may wait for a place; more are turned away with 429.")
  var waiting = ServingLimits().waiting

  @Option(help: "Tokens of a prompt at most; by default the positions that the model was made for.")
  var maxPromptTokens: Int?

  @Option(help: "Tokens generated for one choice at most.")
  var maxTokens = ServingLimits().newTokens

  @Option(help: "Bytes of a request's body at most.")
  var maxBodyBytes = ServingLimits().bodyBytes

  @Option(help: "Seconds that a request may take from its arrival to its last token.")
  var requestSeconds = ServingLimits().requestSeconds

  @Option(help: "Seconds that requests under way have to end after SIGTERM or SIGINT.")
  var drainSeconds = 30.0

  func validate() throws {
    let least: [(name: String, value: Double)] = [
      ("sequences", Double(sequences)), ("max-prompt-tokens", Double(maxPromptTokens ?? 1)),
      ("max-tokens", Double(maxTokens)), ("max-body-bytes", Double(maxBodyBytes)),
      ("request-seconds", requestSeconds),
    ]
    for (name, value) in least where !(value >= 1 && value <= 1e9) {
      throw ValidationError("--\(name) is \(value.formatted()), expected 1 or more.")
    }
    if waiting < 0 { throw ValidationError("--waiting is \(waiting), expected 0 or more.") }
    if !(drainSeconds >= 0 && drainSeconds <= 1e9) {
      throw ValidationError("--drain-seconds is \(drainSeconds), expected 0 or more.")
    }
  }

  func run() throws {
    let interruption = Interruption.catchingSignals()
    raiseFileLimit()
    // Mistakes are told before a model is opened, which may take long.
    let address = try ListeningAddress(host: host, port: port)
    let token = try token()
    if !address.isLoopback, token == nil { throw ServingError.unguarded(host: address.host) }
    let model = try options.open()
    var limits = ServingLimits()
    limits.sequences = sequences
    limits.waiting = waiting
    limits.promptTokens = maxPromptTokens ?? model.decoder.configuration.maximumPositions
    limits.newTokens = maxTokens
    limits.bodyBytes = maxBodyBytes
    limits.requestSeconds = requestSeconds
    let name = name ?? URL(fileURLWithPath: options.model).lastPathComponent
    let server = try ModelServer(model, name: name, at: address, token: token, limits: limits)
    let bound = try wait { try await server.start() }
    options.log("serving \(name) on http://\(bound)")
    while !interruption.isRequested {
      if let failure = server.failed { throw failure }
      usleep(50_000)
    }
    options.log(
      "\(interruption.signalName ?? "a signal") came: no more requests are taken, those under way have "
        + "\(drainSeconds.formatted()) s")
    let seconds = drainSeconds
    guard try wait({ await server.stop(within: seconds) }) else { throw AnswersCut() }
  }

  /// Every connection is an open file, and systems start programs with room for few.
  private func raiseFileLimit() {
    var limit = rlimit()
    let kind = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    guard getrlimit(kind, &limit) == 0, limit.rlim_cur < limit.rlim_max else { return }
    limit.rlim_cur = min(limit.rlim_max, 1 << 16)
    // Without more room the server serves as many as it can.
    _ = setrlimit(kind, &limit)
  }

  private func token() throws -> AccessToken? {
    if let tokenFile {
      return try AccessToken(try TextFile.read(tokenFile), from: tokenFile)
    }
    return try ProcessInfo.processInfo.environment[Self.tokenVariable].map {
      try AccessToken($0, from: Self.tokenVariable)
    }
  }

  /// What an asynchronous function gives; this thread does nothing else.
  private func wait<Value: Sendable>(
    _ body: @escaping @Sendable () async throws -> Value
  ) throws -> Value {
    let result = Mutex<Result<Value, any Error>?>(nil)
    let box = Box(result)
    let done = DispatchSemaphore(value: 0)
    Task.detached {
      let found: Result<Value, any Error>
      do { found = .success(try await body()) } catch { found = .failure(error) }
      box.value.withLock { $0 = found }
      done.signal()
    }
    done.wait()
    return try box.value.withLock { $0! }.get()
  }
}

/// A lock that several threads hold.
private final class Box<Value: Sendable>: Sendable {
  let value: Mutex<Result<Value, any Error>?>
  init(_ value: consuming Mutex<Result<Value, any Error>?>) { self.value = value }
}

/// The server was told to end before all answers were complete.
struct AnswersCut: ExitCoded, CustomStringConvertible {
  var exitCode: Documents.ExitCode { .preempted }
  var description: String {
    "some answers were cut; give them more time with --drain-seconds"
  }
}
