/// Speed and memory against context length, teacher and student measured in one process.
public struct SpeedResult: Sendable, Equatable {
  /// What one model did at one context length.
  public struct Point: Sendable, Equatable {
    /// Tokens in the context.
    public var length: Int
    /// Tokens a second of reading a prompt of this length.
    public var prefillTokensPerSecond: Double
    /// Seconds of one more token after it, median.
    public var secondsPerToken: Double
    /// Bytes of all layers' states: key-value cache, or a student's constant state.
    public var stateBytes: Int

    /// What was measured at one length.
    public init(
      length: Int, prefillTokensPerSecond: Double, secondsPerToken: Double, stateBytes: Int
    ) {
      self.length = length
      self.prefillTokensPerSecond = prefillTokensPerSecond
      self.secondsPerToken = secondsPerToken
      self.stateBytes = stateBytes
    }

    /// Tokens decoded in a second after a context of this length.
    public var decodeTokensPerSecond: Double { 1 / secondsPerToken }
  }

  /// Which of the two models.
  public enum Role: String, Sendable, CaseIterable { case teacher, student }

  /// A length that was asked for and not measured.
  public struct Omission: Sendable, Equatable {
    /// The model that was to be measured.
    public var role: Role
    /// Tokens in the context.
    public var length: Int
    /// Why it was not measured, as a clause.
    public var reason: String

    /// A length left out, and why.
    public init(role: Role, length: Int, reason: String) {
      self.role = role
      self.length = length
      self.reason = reason
    }
  }

  /// Ascending in length, here and in `student`.
  public var teacher: [Point]
  /// Empty when the model is a teacher.
  public var student: [Point]
  /// What was asked for and not measured.
  public var omissions: [Omission]
  /// What a reader of the figures must know, a sentence each.
  public var notes: [String]

  /// Points of both models; `student` is empty for a teacher alone.
  public init(
    teacher: [Point], student: [Point], omissions: [Omission] = [], notes: [String] = []
  ) {
    self.teacher = teacher
    self.student = student
    self.omissions = omissions
    self.notes = notes
  }

  /// Both models' points of every length measured for both, ascending.
  public var pairs: [(teacher: Point, student: Point)] {
    student.compactMap { point in
      teacher.first { $0.length == point.length }.map { (teacher: $0, student: point) }
    }
  }
}
