"""What a series of scores or alerts is worth beside the labels: NAB, SKAB, volume under the surface, events.

Arrays in, numbers out: no files, no detector, no thresholds learnt. A detection is always a row whose score is at or
above the threshold. Labels are never adjusted: a row found late is a row found late.
"""
