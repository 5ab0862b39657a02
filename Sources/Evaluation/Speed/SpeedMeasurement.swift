import Documents
import Results
import Students
import TensorCore
import Transformers

/// Speed and memory of a teacher, or of a student beside its teacher, against context length.
///
/// Each model reads one prompt in pieces up to the longest length. At every requested length the
/// time of the prefill so far is noted, and a copy of the context is continued token by token, so
/// that the prefill goes on as if nothing had happened. The models take turns, piece by piece and
/// step by step, so that a noisy machine hits both. Ids are drawn: speed does not depend on them.
public struct SpeedMeasurement {
  /// 512 to 32,768, doubling.
  public static let defaultLengths = (9...15).map { 1 << $0 }
  /// Tokens that a model reads before anything is measured: they bring its weights into memory.
  static let warmUpTokens = 32

  /// Context lengths, tokens.
  public var lengths: [Int]
  /// Single-token steps at each length; their median counts. One more is made before them.
  public var steps: Int
  /// A length that would take longer is left out.
  public var maximumSeconds: Double
  /// Tokens read at once.
  public var pieceLength = 512
  /// Seconds of a clock that never goes back.
  private let clock: () -> Double

  /// What is timed.
  ///
  /// - Parameter clock: Seconds, never going back.
  public init(
    lengths: [Int] = Self.defaultLengths, steps: Int = 16, maximumSeconds: Double = .infinity,
    clock: @escaping () -> Double
  ) {
    self.lengths = lengths
    self.steps = steps
    self.maximumSeconds = maximumSeconds
    self.clock = clock
  }

  /// - Parameters:
  ///   - student: on the teacher's weights; nil to measure the teacher alone.
  ///   - progress: called before the first and after every piece with the tokens read by all
  ///     models so far, and all there are to read.
  /// - Throws: `SpeedError`, and what `progress` throws.
  public func run(
    teacher: Decoder, student: Decoder?,
    progress: (_ read: Int, _ of: Int) throws -> Void = { _, _ in }
  ) throws -> SpeedResult {
    let configuration = teacher.configuration
    let limit = Self.limit([teacher] + [student].compactMap { $0 })
    try check(limit)
    var tracks = [SpeedTrack(.teacher, DecoderReader(teacher))]
    if let student { tracks.append(SpeedTrack(.student, DecoderReader(student))) }
    let size = configuration.vocabularySize
    for track in tracks {
      let reader = track.reader.fork()
      reader.read(prompt(min(Self.warmUpTokens, lengths.max()!), vocabularySize: size))
      reader.step(0)
    }
    var result = try measure(tracks, vocabularySize: size, progress)
    result.notes = notes(configuration, limit, student)
    return result
  }

  /// The shortest of the models' limits.
  public static func limit(_ models: [Decoder]) -> LengthLimit? {
    models.compactMap(\.lengthLimit).min { $0.tokens < $1.tokens }
  }

  /// Lengths after which models have room for the steps: all, but for a limit.
  public static func lengths(_ lengths: [Int], within limit: LengthLimit?, steps: Int) -> [Int] {
    guard let limit else { return lengths }
    return lengths.filter { $0 + steps + 1 <= limit.tokens }
  }

  private func check(_ limit: LengthLimit?) throws {
    guard !lengths.isEmpty, lengths.allSatisfy({ $0 > 0 }) else {
      throw SpeedError.lengths(lengths)
    }
    guard steps > 0 else { throw SpeedError.steps(steps) }
    let fitting = Set(Self.lengths(lengths, within: limit, steps: steps))
    let beyond = lengths.filter { !fitting.contains($0) }.sorted()
    if let limit, !beyond.isEmpty {
      throw SpeedError.beyondLimit(lengths: beyond, limit: limit, steps: steps)
    }
  }

  private func prompt(_ count: Int, vocabularySize: Int) -> [Int32] {
    var generator = SeededGenerator(seed: 0, purpose: "benchmark")
    return (0..<count).map { _ in Int32(generator.next() % UInt64(vocabularySize)) }
  }

  private func notes(
    _ configuration: DecoderConfiguration, _ limit: LengthLimit?, _ student: Decoder?
  ) -> [String] {
    var notes: [String] = []
    let positions = configuration.maximumPositions
    if let limit {
      notes.append(
        "The model has \(limit.reason): lengths above "
          + "\(Figures.count(max(0, limit.tokens - steps - 1))) are not measured.")
    } else if let longest = lengths.max(), longest > positions {
      notes.append(
        "Lengths above \(Figures.count(positions)) tokens are beyond the positions that the model "
          + "was trained on: they show speed and memory, not that its text is of use there.")
    }
    let layers = student?.layers ?? []
    let softmax = layers.filter { $0.mixer is SoftmaxAttentionMixer }.count
    if softmax > 0 {
      notes.append(
        "\(softmax) of the student's \(layers.count) layers keep softmax attention: its state "
          + "grows with the context.")
    }
    return notes
  }

  // MARK: Measuring

  func measure(
    _ tracks: [SpeedTrack], vocabularySize: Int,
    _ progress: (_ read: Int, _ of: Int) throws -> Void
  ) throws -> SpeedResult {
    let lengths = Set(lengths).sorted()
    let tokens = prompt(lengths.last! + steps + 1, vocabularySize: vocabularySize)
    let total = lengths.last! * tracks.count
    try progress(0, total)
    let end = clock() + maximumSeconds
    var omissions: [SpeedResult.Omission] = []
    for length in lengths {
      let late = late(tracks, for: length, remaining: end - clock())
      omissions += late
      var active = tracks.filter { track in !late.contains { $0.role == track.role } }
      let isInTime = try read(active, to: length, of: tokens, until: end) {
        try progress(tracks.reduce(0) { $0 + $1.position }, total)
      }
      if !isInTime {
        omissions += active.filter { $0.position < length }.map { track in
          let reason =
            "the limit of \(Figures.duration(maximumSeconds)) was over after "
            + "\(Figures.count(track.position)) of its tokens"
          return SpeedResult.Omission(role: track.role, length: length, reason: reason)
        }
        active.removeAll { $0.position < length }
      }
      step(active, after: tokens[length...])
    }
    func points(_ role: SpeedResult.Role) -> [SpeedResult.Point] {
      tracks.first { $0.role == role }?.points ?? []
    }
    return SpeedResult(
      teacher: points(.teacher), student: points(.student), omissions: omissions)
  }

  /// Those for whom there is no time, and why. The fastest is served first.
  private func late(
    _ tracks: [SpeedTrack], for length: Int, remaining: Double
  ) -> [SpeedResult.Omission] {
    var remaining = remaining
    var late: [SpeedResult.Omission] = []
    let foretold = tracks.map { ($0.role, seconds: $0.seconds(to: length, steps: steps) ?? 0) }
    for (role, seconds) in foretold.sorted(by: { $0.seconds < $1.seconds }) {
      if remaining > 0, seconds <= remaining {
        remaining -= seconds
        continue
      }
      let limit = Figures.duration(maximumSeconds)
      let reason =
        remaining > 0
        ? "it would take about \(Figures.duration(seconds)) more, "
          + "\(Figures.duration(remaining)) of the limit of \(limit) are left"
        : "the limit of \(limit) is over"
      late.append(SpeedResult.Omission(role: role, length: length, reason: reason))
    }
    return SpeedResult.Role.allCases.flatMap { role in late.filter { $0.role == role } }
  }

  /// - Returns: whether all came to the length before the end.
  private func read(
    _ tracks: [SpeedTrack], to length: Int, of tokens: [Int32], until end: Double,
    progress: () throws -> Void
  ) throws -> Bool {
    while true {
      let waiting = tracks.filter { $0.position < length }
      if waiting.isEmpty { return true }
      for track in waiting {
        let piece = track.position..<min(length, track.position + pieceLength)
        let start = clock()
        track.reader.read(Array(tokens[piece]))
        let stop = clock()
        track.observe(piece, seconds: stop - start)
        try progress()
        if stop > end { return false }
      }
    }
  }

  private func step(_ tracks: [SpeedTrack], after tokens: ArraySlice<Int32>) {
    let copies = tracks.map { $0.reader.fork() }
    // A copy is made when it is first written to: that step is not counted.
    for copy in copies { copy.step(tokens[tokens.startIndex]) }
    var seconds = [[Double]](repeating: [], count: copies.count)
    for token in tokens.dropFirst().prefix(steps) {
      for (index, copy) in copies.enumerated() {
        let start = clock()
        copy.step(token)
        seconds[index].append(clock() - start)
      }
    }
    for (track, seconds) in zip(tracks, seconds) { track.observe(stepSeconds: seconds) }
  }
}
