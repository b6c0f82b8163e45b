package groupcommit

import "sync"

// Hold lets no further batch begin until release is called, but for those of
// writes that lose their Patience. It is for tests, which thereby know what a
// batch will hold.
func (q *Queue[T]) Hold() (release func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.led++
	return sync.OnceFunc(func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.pass()
	})
}

// Waiting is how many writes wait to be taken.
func (q *Queue[T]) Waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.queue)
}
