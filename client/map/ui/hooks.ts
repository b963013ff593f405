import { useEffect, useState } from 'preact/hooks'
import type { Observable } from '../model/observable.ts'

export function useObservable<T>(source: Observable<T>): T {
  const [value, setValue] = useState(source.get())
  useEffect(() => {
    setValue(() => source.get())
    return source.subscribe(() => setValue(() => source.get()))
  }, [source])
  return value
}
