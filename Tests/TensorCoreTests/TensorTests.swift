import TensorCore
import Testing

@Suite struct ShapeTests {
  @Test func `The count is the product of the dimensions, 1 for a scalar and 0 with an empty axis`()
  {
    #expect(Shape([2, 3, 5]).count == 30)
    #expect(Shape([]).count == 1)
    #expect(Shape([4, 0, 7]).count == 0)
  }

  @Test func `Axes count from either end`() {
    let shape: Shape = [2, 3, 5]
    #expect(shape.rank == 3)
    #expect([shape[0], shape[1], shape[2]] == [2, 3, 5])
    #expect([shape[-1], shape[-2], shape[-3]] == [5, 3, 2])
  }

  @Test func `Shapes are equal and print as their dimensions do`() {
    #expect(Shape([2, 3]) == [2, 3])
    #expect(Shape([2, 3]) != [3, 2])
    #expect(Shape([6]) != [6, 1])
    #expect("\(Shape([2, 3]))" == "[2, 3]")
  }
}

@Suite struct TensorTests {
  private func address(_ tensor: Tensor) -> UInt { tensor.withPointer { UInt(bitPattern: $0) } }

  @Test func `Initialisers fill every element`() {
    // Dirty buffers first: zeros must be written, not found.
    for _ in 0..<4 { _ = Tensor(repeating: 7, [3, 50]) }
    #expect(Tensor(zeros: [3, 50]).elements == [Float](repeating: 0, count: 150))
    #expect(Tensor(repeating: -2, [3, 50]).elements == [Float](repeating: -2, count: 150))
    #expect(Tensor([1, 2, 3, 4, 5, 6], [2, 3]).elements == [1, 2, 3, 4, 5, 6])
    #expect(Tensor([], [0, 4]).elements == [])
    #expect(Tensor([9], []).elements == [9])
  }

  @Test func `Copies share storage until one of them is written, and then differ`() {
    let original = Tensor([1, 2, 3], [3])
    var copy = original
    #expect(address(copy) == address(original))
    copy.withMutablePointer { $0[1] = 20 }
    #expect(address(copy) != address(original))
    #expect(original.elements == [1, 2, 3])
    #expect(copy.elements == [1, 20, 3])
  }

  @Test func `A tensor that nobody shares is written in place`() {
    var tensor = Tensor([1, 2, 3], [3])
    let before = address(tensor)
    tensor.withMutablePointer { $0[0] = 5 }
    #expect(address(tensor) == before)
    #expect(tensor.elements == [5, 2, 3])
  }

  @Test func `A reshaped tensor shares storage, keeps the order, and is independent once written`()
  {
    let tensor = Tensor([1, 2, 3, 4, 5, 6], [2, 3])
    var other = tensor.reshaped([3, 2])
    #expect(other.shape == [3, 2])
    #expect(tensor.shape == [2, 3])
    #expect(address(other) == address(tensor))
    #expect(other.elements == tensor.elements)
    other.withMutablePointer { $0[5] = 0 }
    #expect(tensor.elements == [1, 2, 3, 4, 5, 6])
    #expect(other.elements == [1, 2, 3, 4, 5, 0])
  }

  @Test func `Two tensors that share storage can be written through pointers held at once`() {
    var left = Tensor([1, 2], [2])
    var right = left
    let third = left
    withPointers(writing(&left), writing(&right)) { left, right in
      left[0] = 10
      right[1] = 20
    }
    #expect(left.elements == [10, 2])
    #expect(right.elements == [1, 20])
    #expect(third.elements == [1, 2])
  }

  @Test func `Copies in different threads are written without being seen by each other`() {
    let shared = Tensor((0..<300).map(Float.init), [300])
    let pool = WorkerPool(workers: 4)
    var sums = [Float](repeating: 0, count: 64)
    sums.withUnsafeMutableBufferPointer { sums in
      let sums = sums
      pool.parallel(64) { task in
        var copy = shared
        copy.withMutablePointer { for index in 0..<300 { $0[index] += Float(task) } }
        sums[task] = copy.elements.reduce(0, +)
      }
    }
    let expected = (0..<64).map { task in Float(44_850 + 300 * task) }
    #expect(sums == expected)
    #expect(shared.elements == (0..<300).map(Float.init))
  }
}

@Suite struct TensorPointerTests {
  @Test func `Pointers of any number of tensors are read and written in one closure`() {
    let (left, right) = (Tensor([1, 2], [2]), Tensor([10, 20], [2]))
    var sum = Tensor(zeros: [2])
    let absent: Tensor? = nil
    let first = withPointers(left, writing(&sum), right, absent) { left, sum, right, absent in
      for index in 0..<2 { sum[index] = left[index] + right[index] + (absent?[index] ?? 0) }
      return left[0]
    }
    #expect(first == 1)
    #expect(sum.elements == [11, 22])
  }

  @Test func `A tensor that shares its storage is copied before it is written`() {
    let original = Tensor([1, 2], [2])
    var copy = original
    var optional: Tensor? = original
    withPointers(writing(&copy), writing(&optional)) { copy, optional in
      copy[0] = 5
      optional?[1] = 7
    }
    #expect(original.elements == [1, 2])
    #expect(copy.elements == [5, 2])
    #expect(optional?.elements == [1, 7])
  }

  @Test func `An optional tensor that nobody shares is written in place`() {
    var optional: Tensor? = Tensor([1, 2], [2])
    let before = withPointers(optional) { UInt(bitPattern: $0) }
    withPointers(writing(&optional)) { $0?[0] = 3 }
    #expect(withPointers(optional) { UInt(bitPattern: $0) } == before)
    #expect(optional?.elements == [3, 2])
  }
}
