import CVectorKernels
import TensorCore
import TestSupport
import Testing

@testable import Operations

/// Products on tiles of bfloat16 against plain loops in Double. Skipped where the processor has none.
@Suite(.enabled(if: tile_products_are_available() != 0)) struct TileProductTests {
  struct Form: CustomTestStringConvertible, Sendable {
    let m, n, k: Int
    var left = false
    var right = false
    var alpha: Float = 1
    var beta: Float = 0
    var testDescription: String {
      "\(m) x \(k)\(left ? "ᵀ" : "") by \(k) x \(n)\(right ? "ᵀ" : ""), \(alpha) and \(beta)"
    }
  }

  /// Sizes that fill no tile, one of everything, whole blocks, and more than one block of terms.
  static let forms: [Form] = [
    (1, 1, 1), (37, 53, 71), (32, 32, 32), (64, 96, 128), (5, 600, 40), (33, 65, 900),
    (40, 70, 4200),
  ].flatMap { m, n, k in
    [(false, false), (false, true), (true, false), (true, true)].flatMap { left, right in
      [(1, 0), (1, 1), (0.5, -2)].map {
        Form(m: m, n: n, k: k, left: left, right: right, alpha: $0, beta: $1)
      }
    }
  }

  private func normal(_ count: Int, seed: UInt64) -> [Float] {
    var draw = TestValues(seed)
    return draw.normal(count).map { Float($0) }
  }

  /// Numbers of 8 bits a part.
  private func cut(_ x: [Float], to parts: Int) -> [Float] {
    x.map { Float(bitPattern: $0.bitPattern & ~((1 << (24 - 8 * UInt32(parts))) - 1)) }
  }

  private func product(
    _ form: Form, _ a: [Float], _ b: [Float], into c: [Float], columns: Range<Int>? = nil,
    rows: Range<Int>? = nil
  ) -> [Float] {
    var c = c
    let (rows, columns) = (rows ?? 0..<form.m, columns ?? 0..<form.n)
    let (leftStride, rightStride) = (form.left ? form.m : form.k, form.right ? form.k : form.n)
    c.withUnsafeMutableBufferPointer { c in
      a.withUnsafeBufferPointer { a in
        b.withUnsafeBufferPointer { b in
          TileProduct(
            m: rows.count, n: columns.count, k: form.k,
            left: Matrix(
              a.baseAddress! + rows.lowerBound * (form.left ? 1 : leftStride), stride: leftStride,
              transposed: form.left),
            right: .matrix(
              Matrix(
                b.baseAddress! + columns.lowerBound * (form.right ? rightStride : 1),
                stride: rightStride, transposed: form.right)), alpha: form.alpha, beta: form.beta
          ).write(
            to: c.baseAddress! + rows.lowerBound * form.n + columns.lowerBound, stride: form.n)
        }
      }
    }
    return c
  }

  /// The six products of parts leave out less than 2^-23 of every term, a tile rounds once for 32
  /// terms' six products, and the sum is rounded by alpha and beta.
  private func expectProduct(_ form: Form, _ a: [Float], _ b: [Float]) {
    let before = normal(form.m * form.n, seed: 3)
    let found = product(form, a, b, into: before)
    for row in 0..<form.m {
      for column in 0..<form.n {
        var (sum, magnitude) = (0.0, 0.0)
        for term in 0..<form.k {
          let x = Double(a[form.left ? term * form.m + row : row * form.k + term])
          let y = Double(b[form.right ? column * form.k + term : term * form.n + column])
          sum += x * y
          magnitude += abs(x * y)
        }
        let old = Double(before[row * form.n + column])
        let expected = Double(form.alpha) * sum + Double(form.beta) * old
        let scale = Double(abs(form.alpha)) * magnitude + Double(abs(form.beta)) * abs(old)
        let roundings = Double(form.k / 32 * 6 + 8)
        let bound = scale * (0x1p-23 + roundings * 0x1p-24)
        let error = abs(Double(found[row * form.n + column]) - expected)
        #expect(error <= bound, "[\(row), \(column)]: \(error) > \(bound)")
      }
    }
  }

  @Test(arguments: forms)
  func `Products are those of plain loops within their roundings`(form: Form) {
    expectProduct(
      form, normal(form.m * form.k, seed: 1),
      normal(form.k * form.n, seed: 2))
  }

  @Test(arguments: [1, 2], [1, 2])
  func `Sides with fewer parts are multiplied as well`(left: Int, right: Int) {
    let form = Form(m: 40, n: 40, k: 70, right: true)
    expectProduct(
      form, cut(normal(form.m * form.k, seed: 1), to: left),
      cut(normal(form.k * form.n, seed: 2), to: right))
  }

  @Test func `Small integers are multiplied exactly`() {
    let form = Form(m: 48, n: 33, k: 100)
    let a = (0..<form.m * form.k).map { Float($0 * 7 % 31 - 15) }
    let b = (0..<form.k * form.n).map { Float($0 * 5 % 17 - 8) }
    let found = product(form, a, b, into: [Float](repeating: .nan, count: form.m * form.n))
    #expect(found == Naive.matrixProduct(a, b, m: form.m, n: form.n, k: form.k))
  }

  /// So that work can be split over threads, and a sequence read in parts.
  @Test func `An element's bits depend on its row and its column alone`() {
    let form = Form(m: 70, n: 90, k: 500)
    let a = normal(form.m * form.k, seed: 1)
    let b = normal(form.k * form.n, seed: 2)
    let nothing = [Float](repeating: 0, count: form.m * form.n)
    let whole = product(form, a, b, into: nothing)
    var parts = nothing
    for rows in [0..<1, 1..<34, 34..<70] {
      for columns in [0..<17, 17..<64, 64..<90] {
        parts = product(form, a, b, into: parts, columns: columns, rows: rows)
      }
    }
    let differing = zip(parts, whole).count { $0 != $1 }
    #expect(differing == 0)
  }

  /// Which parts are multiplied is decided for many lines at once.
  @Test func `An element's bits do not depend on how many parts its neighbours have`() {
    let form = Form(m: 64, n: 64, k: 500)
    let b = normal(form.k * form.n, seed: 2)
    let nothing = [Float](repeating: 0, count: form.m * form.n)
    for parts in [1, 2] {
      let few = cut(normal(form.m * form.k, seed: 1), to: parts)
      var mixed = few
      for place in form.k..<2 * form.k { mixed[place] *= 1.000_1 }
      let (alone, beside) = (
        product(form, few, b, into: nothing), product(form, mixed, b, into: nothing)
      )
      let differing = alone.indices.filter { alone[$0] != beside[$0] }
      #expect(differing.allSatisfy { $0 / form.n == 1 })
      #expect(!differing.isEmpty)
    }
  }

  @Test(arguments: [Float.nan, .infinity, -.infinity, Float(bitPattern: 0xffff_ffff)])
  func `What is not finite is not lost`(value: Float) {
    let form = Form(m: 20, n: 20, k: 40)
    var a = normal(form.m * form.k, seed: 1)
    a[3 * form.k + 7] = value
    let b = normal(form.k * form.n, seed: 2)
    let found = product(form, a, b, into: [Float](repeating: 0, count: form.m * form.n))
    for row in 0..<form.m {
      let isFinite = found[row * form.n..<(row + 1) * form.n].allSatisfy(\.isFinite)
      #expect(isFinite == (row != 3))
    }
  }

  /// Why the tiles may take over wherever OpenBLAS's products of floats were good enough.
  @Test func `Tiles are no less exact than OpenBLAS's products of floats`() {
    let (m, n, k) = (64, 64, 576)
    let a = normal(m * k, seed: 1)
    let b = normal(k * n, seed: 2)
    let exact = Naive.matrixProduct(a.map(Double.init), b.map(Double.init), m: m, n: n, k: k)
    var floats = [Float](repeating: 0, count: m * n)
    floats.withUnsafeMutableBufferPointer { c in
      a.withUnsafeBufferPointer { a in
        b.withUnsafeBufferPointer { b in
          BLAS.multiply(
            m: m, n: n, k: k, Matrix(a.baseAddress!, stride: k), Matrix(b.baseAddress!, stride: n),
            into: c.baseAddress!, stride: n)
        }
      }
    }
    let tiles = product(Form(m: m, n: n, k: k), a, b, into: floats)
    #expect(relativeRMS(tiles, exact) <= relativeRMS(floats, exact))
  }
}
