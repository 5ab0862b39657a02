import CHDF5
import TensorCore

/// How a dataset stores its elements; big-endian ones are turned around when they are read.
public enum HDF5ElementType: String, Sendable, CaseIterable {
  case float32 = "F32"
  /// Read, not written.
  case float16 = "F16"
  /// Unsigned 16-bit integers with the attribute `element_type` = `BF16`: HDF5 before 2.0 converts
  /// a float type of its own at 25 MB/s, and readers know such a type no better.
  case bfloat16 = "BF16"
  /// Read (rounded to 32 bits), not written.
  case float64 = "F64"
  case int32 = "I32"
  case int64 = "I64"
  /// Bytes: text.
  case uint8 = "U8"

  static let attribute = "element_type"

  /// Bytes of one element.
  public var bytes: Int {
    switch self {
    case .uint8: 1
    case .float16, .bfloat16: 2
    case .float32, .int32: 4
    case .float64, .int64: 8
    }
  }

  /// The type of a stored tensor with the same bytes; `nil` when there is none.
  var stored: ElementType? {
    switch self {
    case .float32: .float32
    case .float16: .float16
    case .bfloat16: .bfloat16
    case .float64, .int32, .int64, .uint8: nil
    }
  }

  /// The library's type in the file and, machines being little-endian, in memory; `nil` for what
  /// is not written.
  var library: hid_t? {
    switch self {
    case .float32: lh5_float32()
    case .bfloat16: lh5_uint16()
    case .int32: lh5_int32()
    case .int64: lh5_int64()
    case .uint8: lh5_uint8()
    case .float16, .float64: nil
    }
  }

  /// The type of an existing dataset; `nil` when this module does not read it.
  init?(library type: hid_t, isMarkedBFloat16: Bool) {
    if H5Tequal(type, lh5_float32()) > 0 {
      self = .float32
    } else if H5Tequal(type, lh5_float64()) > 0 {
      self = .float64
    } else if H5Tequal(type, lh5_int32()) > 0 {
      self = .int32
    } else if H5Tequal(type, lh5_int64()) > 0 {
      self = .int64
    } else if H5Tequal(type, lh5_uint8()) > 0 {
      self = .uint8
    } else if H5Tequal(type, lh5_uint16()) > 0, isMarkedBFloat16 {
      self = .bfloat16
    } else if let half = Self(half: type) {
      self = half
    } else {
      return nil
    }
  }

  /// The two 16-bit floats, which the library describes by the places of their fields.
  private init?(half type: hid_t) {
    guard H5Tget_class(type) == H5T_FLOAT, H5Tget_size(type) == 2,
      H5Tget_order(type) == H5T_ORDER_LE
    else { return nil }
    var sign = 0
    var exponent = 0
    var exponentBits = 0
    var mantissa = 0
    var mantissaBits = 0
    guard
      H5Tget_fields(type, &sign, &exponent, &exponentBits, &mantissa, &mantissaBits) >= 0,
      sign == 15, mantissa == 0, exponent == mantissaBits
    else { return nil }
    switch (exponentBits, mantissaBits, H5Tget_ebias(type)) {
    case (5, 10, 15): self = .float16
    case (8, 7, 127): self = .bfloat16
    default: return nil
    }
  }
}

/// The type of a dataset's elements with their bytes in the machine's order, to be closed by the
/// caller; negative where it cannot be had.
func littleEndianType(of dataset: hid_t) -> hid_t {
  let type = H5Dget_type(dataset)
  guard type >= 0, H5Tget_order(type) == H5T_ORDER_BE else { return type }
  defer { H5Tclose(type) }
  let copy = H5Tcopy(type)
  if copy >= 0, H5Tset_order(copy, H5T_ORDER_LE) < 0 {
    H5Tclose(copy)
    return -1
  }
  return copy
}
