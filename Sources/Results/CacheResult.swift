/// What a sequence leaves behind for decoding, by its length: bytes of the memories of all layers,
/// counted from their shapes, so that no length has to be read.
public struct CacheResult: Sendable, Equatable {
  /// Lengths that are told, in tokens.
  public static let lengths = [1024, 8192, 65_536]
  /// The length whose share a threshold may be put on.
  public static let judgedLength = 8192

  /// Both models after so many tokens.
  public struct Point: Sendable, Equatable {
    /// Tokens read.
    public var length: Int
    /// Of the teacher's key-value cache.
    public var teacherBytes: Int
    /// Of the student's memories, the caches of its softmax layers among them.
    public var studentBytes: Int

    /// Bytes after so many tokens.
    public init(length: Int, teacherBytes: Int, studentBytes: Int) {
      self.length = length
      self.teacherBytes = teacherBytes
      self.studentBytes = studentBytes
    }

    /// The student's bytes over the teacher's.
    public var share: Double { Double(studentBytes) / Double(teacherBytes) }
  }

  /// Ascending in length.
  public var points: [Point]

  /// Bytes by length.
  public init(points: [Point]) { self.points = points }

  /// The student's share at `judgedLength`; nil where a model does not reach so far.
  public var judgedShare: Double? { points.first { $0.length == Self.judgedLength }?.share }
}
