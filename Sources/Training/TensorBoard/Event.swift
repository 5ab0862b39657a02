import Documents

/// One entry of an event file: TensorFlow's `Event` message (`tensorflow/core/util/event.proto`).
struct Event {
  enum Content {
    /// What the first entry of every file says.
    case fileVersion
    /// The process began here: of what earlier files say, TensorBoard drops this step and all
    /// after it.
    case sessionStart
    case scalars([(tag: String, value: Double)])
  }

  /// Seconds since 1970.
  var wallTime: Double
  /// Optimizer steps done.
  var step: Int
  var content: Content

  /// The message's bytes; scalars are stored as 32-bit floats.
  var message: [UInt8] {
    var event = ProtobufMessage()
    event.set(1, wallTime)
    event.set(2, step)
    switch content {
    case .fileVersion: event.setMember(3, "brain.Event:2")
    case .sessionStart:
      var session = ProtobufMessage()
      session.set(1, 1)
      event.setMember(7, session)
    case .scalars(let scalars):
      var summary = ProtobufMessage()
      for (tag, value) in scalars {
        var entry = ProtobufMessage()
        entry.set(1, tag)
        entry.setMember(2, Float(value))
        summary.setMember(1, entry)
      }
      event.setMember(5, summary)
    }
    return event.bytes
  }

  /// The entry as it stands in the file, a TFRecord: length in 8 bytes, the length's masked
  /// checksum, message, the message's masked checksum.
  var record: [UInt8] {
    let message = message
    let length = UInt64(message.count).littleEndianBytes
    return length + CRC32C.masked(length).littleEndianBytes + message
      + CRC32C.masked(message).littleEndianBytes
  }
}
